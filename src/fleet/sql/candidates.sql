-- Pairs of ends that may be one connection. exact: the five-tuple is the same at both ends. dnat: the
-- destination was rewritten. snat: the source was rewritten, and only bytes and times tell who it was.
SELECT 'exact' AS kind, 0 AS place, s.host_id AS source_host, s.boot_id AS source_boot, s.conn_id AS source_conn,
       t.host_id AS target_host, t.boot_id AS target_boot, t.conn_id AS target_conn,
       ABS(t.start_us - s.start_us) AS gap_us
FROM aligned s
JOIN aligned t ON t.protocol = s.protocol
 AND t.remote_addr = s.local_addr AND t.remote_port = s.local_port
 AND t.local_addr = s.remote_addr AND t.local_port = s.remote_port
WHERE s.direction = 'outbound' AND t.direction = 'inbound' AND s.host_id <> t.host_id
  AND s.owned = 1 AND t.owned = 1 AND s.peer IS NOT NULL AND t.peer IS NOT NULL
  AND ABS(t.first_us - s.first_us) <= 900000000
  AND ((s.exact = 1 AND t.exact = 1 AND ABS(t.start_us - s.start_us) <= 2000000)
    OR ((s.exact = 0 OR t.exact = 0)
        AND s.start_us <= t.end_us + 60000000 AND t.start_us <= s.end_us + 60000000))
UNION ALL
SELECT 'dnat', 1, s.host_id, s.boot_id, s.conn_id, t.host_id, t.boot_id, t.conn_id, ABS(t.start_us - s.start_us)
FROM aligned s
JOIN aligned t ON t.protocol = s.protocol AND t.remote_addr = s.local_addr AND t.remote_port = s.local_port
WHERE s.direction = 'outbound' AND t.direction = 'inbound' AND s.host_id <> t.host_id
  AND s.owned = 1 AND t.owned = 1 AND s.peer IS NULL AND s.remote_addr <> t.local_addr
  AND s.exact = 1 AND s.closed = 1 AND t.exact = 1 AND t.closed = 1
  AND s.bytes_sent = t.bytes_received AND s.bytes_received = t.bytes_sent
  AND ABS(t.start_us - s.start_us) <= 2000000
UNION ALL
SELECT 'snat', 2, s.host_id, s.boot_id, s.conn_id, t.host_id, t.boot_id, t.conn_id, ABS(t.start_us - s.start_us)
FROM aligned s
JOIN aligned t ON t.protocol = s.protocol AND t.local_addr = s.remote_addr AND t.local_port = s.remote_port
 AND t.bytes_received = s.bytes_sent AND t.bytes_sent = s.bytes_received
WHERE s.direction = 'outbound' AND t.direction = 'inbound' AND s.host_id <> t.host_id
  AND s.peer IS NOT NULL AND t.owned = 1 AND t.peer IS NULL AND s.local_addr <> t.remote_addr
  AND s.exact = 1 AND s.closed = 1 AND t.exact = 1 AND t.closed = 1
  AND s.bytes_sent + s.bytes_received > 0
  AND ABS(t.start_us - s.start_us) <= 2000000 AND ABS(t.end_us - s.end_us) <= 2000000
