-- Where hosts connect to, how many of them, and which was first.
WITH numbered AS (
  SELECT place, remote_port AS port, protocol, host_id, bytes_sent, start_us, end_us,
         ROW_NUMBER() OVER (PARTITION BY place, remote_port, protocol ORDER BY start_us, host_id) AS n
  FROM aligned WHERE direction = 'outbound')
SELECT place, CAST(port AS INT) AS port, protocol, COUNT(DISTINCT host_id) AS hosts, COUNT(*) AS connections,
       CAST(SUM(COALESCE(bytes_sent, 0)) AS BIGINT) AS bytes_sent, MIN(start_us) AS first_us,
       MAX(CASE WHEN n = 1 THEN host_id END) AS first_host, MAX(end_us) AS last_us
FROM numbered
GROUP BY place, port, protocol
