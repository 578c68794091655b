-- Places that several hosts contact at intervals as even as a timer makes them: half of the intervals are
-- within 15 % of the median, and there are twelve or more.
WITH starts AS (
  SELECT place, remote_port AS port, host_id, COALESCE(exe_sha256, exe, process_name, '') AS program, start_us, conn_id
  FROM aligned WHERE direction = 'outbound' AND opened = 1),
gaps AS (
  SELECT place, port, host_id, program,
         start_us - LAG(start_us) OVER (PARTITION BY place, port, host_id, program ORDER BY start_us, conn_id) AS gap_us
  FROM starts),
periods AS (
  SELECT place, port, host_id, program, COUNT(gap_us) AS intervals, MEDIAN(gap_us) AS period_us
  FROM gaps WHERE gap_us IS NOT NULL
  GROUP BY place, port, host_id, program HAVING COUNT(gap_us) >= 12),
rhythms AS (
  SELECT p.place, p.port, p.host_id, p.program, p.intervals, p.period_us
  FROM periods p
  JOIN gaps g ON g.place = p.place AND g.port = p.port AND g.host_id = p.host_id AND g.program = p.program
  WHERE g.gap_us IS NOT NULL AND p.period_us >= 1000000
  GROUP BY p.place, p.port, p.host_id, p.program, p.intervals, p.period_us
  HAVING MEDIAN(ABS(g.gap_us - p.period_us)) <= 0.15 * p.period_us)
SELECT place, CAST(port AS INT) AS port, COUNT(DISTINCT host_id) AS hosts, COUNT(DISTINCT program) AS programs,
       CAST(FLOOR(MEDIAN(period_us)) AS BIGINT) AS period_us, CAST(SUM(intervals) AS BIGINT) AS intervals
FROM rhythms
GROUP BY place, port
HAVING COUNT(DISTINCT host_id) >= 2
