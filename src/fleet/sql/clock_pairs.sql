-- How far two clocks are apart, by the connections that both hosts saw begin.
WITH begun AS (
  SELECT s.host_id AS source, t.host_id AS target, t.first_us - s.first_us AS apart_us
  FROM ends s
  JOIN ends t ON t.protocol = s.protocol
   AND t.remote_addr = s.local_addr AND t.remote_port = s.local_port
   AND t.local_addr = s.remote_addr AND t.local_port = s.remote_port
  WHERE s.direction = 'outbound' AND t.direction = 'inbound' AND s.host_id <> t.host_id
    AND s.exact = 1 AND t.exact = 1 AND s.owned = 1 AND t.owned = 1
    AND s.peer IS NOT NULL AND t.peer IS NOT NULL
    AND ABS(t.first_us - s.first_us) <= 900000000)
SELECT source AS host_id, target AS partner, -MEDIAN(apart_us) AS ahead_us FROM begun GROUP BY source, target
UNION ALL
SELECT target AS host_id, source AS partner, MEDIAN(apart_us) AS ahead_us FROM begun GROUP BY source, target
