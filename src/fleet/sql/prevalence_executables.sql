-- Which executables had a socket on how many hosts, and where each was first.
WITH numbered AS (
  SELECT c.exe_sha256, c.exe, c.host_id, c.first_seen_us - COALESCE(k.ahead_us, 0) AS start_us,
         ROW_NUMBER() OVER (PARTITION BY c.exe_sha256
                            ORDER BY c.first_seen_us - COALESCE(k.ahead_us, 0), c.host_id) AS n
  FROM connections c LEFT JOIN host_clocks k ON k.host_id = c.host_id
  WHERE c.host_id IS NOT NULL AND c.exe_sha256 IS NOT NULL AND (c.is_own IS NULL OR c.is_own))
SELECT exe_sha256 AS sha256, MIN(exe) AS exe, COUNT(DISTINCT exe) AS paths, COUNT(DISTINCT host_id) AS hosts,
       MIN(start_us) AS first_us, MAX(CASE WHEN n = 1 THEN host_id END) AS first_host
FROM numbered
GROUP BY exe_sha256
