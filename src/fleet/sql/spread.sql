-- Executables that began on three hosts or more while these were recorded. One came to a host with the
-- largest transfer in the ten minutes before it began, from a host where the same executable had the
-- connection; without such a transfer the host is the first, or the way was not recorded.
WITH recorded AS (SELECT MIN(start_us) AS from_us FROM aligned WHERE opened = 1),
began AS (
  SELECT exe_sha256 AS sha256, host_id, MIN(exe) AS exe, MIN(process_start_us - ahead_us) AS start_us
  FROM aligned WHERE exe_sha256 IS NOT NULL AND process_start_us IS NOT NULL
  GROUP BY exe_sha256, host_id),
fresh AS (SELECT b.* FROM began b CROSS JOIN recorded r WHERE b.start_us >= r.from_us),
ways AS (
  SELECT f.sha256, f.host_id, e.source_host, e.target_port, e.start_us,
         ROW_NUMBER() OVER (PARTITION BY f.sha256, f.host_id
           ORDER BY e.bytes_sent DESC, e.start_us DESC, e.source_host, e.source_boot, e.source_conn) AS n
  FROM fresh f
  JOIN edges e ON e.target_host = f.host_id AND e.source_sha256 = f.sha256
   AND e.start_us BETWEEN f.start_us - 600000000 AND f.start_us
  -- A client that goes on from host to host inside its own sessions is a chain of logins.
  WHERE NOT EXISTS (
    SELECT 1
    FROM hops h
    JOIN edges i ON i.source_host = h.through_host AND i.source_conn = h.inner_conn
     AND COALESCE(i.source_boot, '') = COALESCE(h.inner_boot, '')
    WHERE h.outer_host = e.source_host AND h.outer_conn = e.source_conn AND h.through_host = f.host_id
      AND COALESCE(h.outer_boot, '') = COALESCE(e.source_boot, '')
      AND i.source_sha256 = f.sha256)),
spreading AS (
  SELECT f.sha256
  FROM fresh f LEFT JOIN ways w ON w.sha256 = f.sha256 AND w.host_id = f.host_id AND w.n = 1
  GROUP BY f.sha256
  HAVING COUNT(*) >= 3 AND COUNT(w.source_host) * 2 >= COUNT(*))
SELECT f.sha256, f.host_id, f.exe, f.start_us, w.source_host AS from_host, w.target_port AS by_port,
       w.start_us AS by_start_us
FROM fresh f
JOIN spreading s ON s.sha256 = f.sha256
LEFT JOIN ways w ON w.sha256 = f.sha256 AND w.host_id = f.host_id AND w.n = 1
