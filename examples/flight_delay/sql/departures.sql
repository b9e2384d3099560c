-- What is known of a flight before it leaves, and whether it arrived more than 15 minutes late; flights that never
-- arrived are left out. A flight without a weather row keeps nulls. The bounds in time let Flink forget what is past
-- and make the result append-only; the order makes every run see the same stream.
SELECT
  f.`year`, f.`month`, f.`day`, f.`hour`, f.flight, f.carrier, f.origin, f.dest, f.sched,
  CAST(DAYOFWEEK(TO_DATE(
    CAST(f.`year` AS STRING) || '-' || CAST(f.`month` AS STRING) || '-' || CAST(f.`day` AS STRING), 'y-M-d'
  )) AS INT) AS weekday,
  f.distance,
  w.temp, w.dewp, w.humid, w.wind_dir, w.wind_speed, w.wind_gust, w.precip, w.pressure, w.visib,
  w.origin IS NOT NULL AS has_weather,
  CASE WHEN f.arr_delay > 15 THEN 1 ELSE 0 END AS label
FROM flights AS f
LEFT JOIN weather AS w
  ON f.origin = w.origin AND f.time_hour = w.time_hour
  AND w.observed BETWEEN f.sched - INTERVAL '59' MINUTE AND f.sched
WHERE f.arr_delay IS NOT NULL
ORDER BY sched, carrier, flight, origin
