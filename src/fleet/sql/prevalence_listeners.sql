-- Which services how many hosts offer, and where each was first.
WITH numbered AS (
  SELECT c.protocol, COALESCE(c.local_port, 0) AS port, COALESCE(c.process_name, '') AS process, c.host_id,
         c.first_seen_us - COALESCE(k.ahead_us, 0) AS start_us,
         ROW_NUMBER() OVER (PARTITION BY c.protocol, COALESCE(c.local_port, 0), COALESCE(c.process_name, '')
                            ORDER BY c.first_seen_us - COALESCE(k.ahead_us, 0), c.host_id) AS n
  FROM connections c LEFT JOIN host_clocks k ON k.host_id = c.host_id
  WHERE c.host_id IS NOT NULL AND c.role = 'listener' AND (c.is_own IS NULL OR c.is_own))
SELECT protocol, CAST(port AS INT) AS port, process, COUNT(DISTINCT host_id) AS hosts, MIN(start_us) AS first_us,
       MAX(CASE WHEN n = 1 THEN host_id END) AS first_host
FROM numbered
GROUP BY protocol, port, process
