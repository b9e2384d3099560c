-- The weather at the three airports, once an hour. Times are UTC; "NA" is null.
-- The watermark stays a millisecond behind: several rows may carry the same time, and none of them is late.
CREATE TEMPORARY TABLE weather (
  origin STRING, `year` INT, `month` INT, `day` INT, `hour` INT,
  temp FLOAT, dewp FLOAT, humid FLOAT, wind_dir FLOAT, wind_speed FLOAT, wind_gust FLOAT,
  precip FLOAT, pressure FLOAT, visib FLOAT, time_hour STRING,
  observed AS TO_TIMESTAMP(time_hour, 'yyyy-MM-dd''T''HH:mm:ss''Z'''),
  WATERMARK FOR observed AS observed - INTERVAL '0.001' SECOND
) WITH (
  'connector' = 'filesystem',
  'path' = '$data/weather.csv',
  'format' = 'csv',
  'csv.null-literal' = 'NA'
)
