-- Every scheduled departure from New York, as it was to leave. Times are UTC; "NA" is null.
-- The watermark stays a millisecond behind: several rows may carry the same time, and none of them is late.
CREATE TEMPORARY TABLE flights (
  `year` INT, `month` INT, `day` INT,
  dep_time INT, sched_dep_time INT, dep_delay INT,
  arr_time INT, sched_arr_time INT, arr_delay INT,
  carrier STRING, flight INT, tailnum STRING, origin STRING, dest STRING,
  air_time INT, distance FLOAT, `hour` INT, `minute` INT, time_hour STRING,
  sched AS TIMESTAMPADD(MINUTE, `minute`, TO_TIMESTAMP(time_hour, 'yyyy-MM-dd''T''HH:mm:ss''Z''')),
  WATERMARK FOR sched AS sched - INTERVAL '0.001' SECOND
) WITH (
  'connector' = 'filesystem',
  'path' = '$data/flights.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NA'
)
