-- Both ends must choose each other: the surest kind, then the nearest start. A pair that only bytes
-- tell must be the only one of both ends.
WITH ranked AS (
  SELECT c.*,
    ROW_NUMBER() OVER (PARTITION BY source_host, source_boot, source_conn
                       ORDER BY place, gap_us, target_host, target_boot, target_conn) AS source_rank,
    ROW_NUMBER() OVER (PARTITION BY target_host, target_boot, target_conn
                       ORDER BY place, gap_us, source_host, source_boot, source_conn) AS target_rank,
    SUM(CASE WHEN kind = 'snat' THEN 1 ELSE 0 END)
      OVER (PARTITION BY source_host, source_boot, source_conn) AS source_by_bytes,
    SUM(CASE WHEN kind = 'snat' THEN 1 ELSE 0 END)
      OVER (PARTITION BY target_host, target_boot, target_conn) AS target_by_bytes
  FROM candidates c)
SELECT r.kind, r.source_host, NULLIF(r.source_boot, '') AS source_boot, r.source_conn,
       r.target_host, NULLIF(r.target_boot, '') AS target_boot, r.target_conn,
       s.protocol, CAST(t.local_port AS INT) AS target_port, s.start_us, s.end_us, r.gap_us,
       s.process_name AS source_process, s.pid AS source_pid, s.exe_sha256 AS source_sha256,
       s.username AS source_user, t.process_name AS target_process, t.pid AS target_pid,
       t.exe_sha256 AS target_sha256, s.bytes_sent, s.bytes_received,
       CASE WHEN s.closed = 0 OR t.closed = 0 OR s.bytes_sent IS NULL OR t.bytes_sent IS NULL THEN NULL
            ELSE COALESCE(s.bytes_sent = t.bytes_received AND s.bytes_received = t.bytes_sent, FALSE)
       END AS bytes_agree
FROM ranked r
JOIN aligned s ON s.host_id = r.source_host AND s.boot_id = r.source_boot AND s.conn_id = r.source_conn
JOIN aligned t ON t.host_id = r.target_host AND t.boot_id = r.target_boot AND t.conn_id = r.target_conn
WHERE r.source_rank = 1 AND r.target_rank = 1
  AND (r.kind <> 'snat' OR (r.source_by_bytes = 1 AND r.target_by_bytes = 1))
