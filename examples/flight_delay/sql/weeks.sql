-- How good the scores of each week are. The rank of a score within its week gives the exact AUC (Mann and Whitney):
--   (sum of the ranks of late flights - P (P + 1) / 2) / (P * N), with P late flights and N others;
-- tied scores are ranked in order of arrival, where half a rank each would be exact: an error of at most T / (2 P N) with
-- T tied pairs of a late flight and another. A window's Top-N wants a bound; no week has a million flights.
SELECT
  window_start, window_end,
  COUNT(*) AS flights,
  SUM(label) AS late,
  AVG(-LN(GREATEST(1E-7, CASE WHEN label = 1 THEN CAST(score AS DOUBLE) ELSE 1 - CAST(score AS DOUBLE) END))) AS log_loss,
  AVG(CAST(score AS DOUBLE)) AS predicted,
  AVG(CAST(label AS DOUBLE)) AS observed,
  (SUM(CASE WHEN label = 1 THEN score_rank ELSE 0 END) - SUM(label) * (SUM(label) + 1) / 2.0)
    / NULLIF(CAST(SUM(label) AS DOUBLE) * (COUNT(*) - SUM(label)), 0) AS auc
FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY score) AS score_rank
  FROM TABLE(TUMBLE(TABLE scores, DESCRIPTOR(sched), INTERVAL '7' DAYS, INTERVAL '5' DAYS))
)
WHERE score_rank <= 1000000
GROUP BY window_start, window_end
