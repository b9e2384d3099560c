-- The departures from a point in time on.
SELECT * FROM departures WHERE sched >= TIMESTAMP '$start'
