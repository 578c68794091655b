-- Connections that stay inside the network and of which no edge is claimed, with the reason.
SELECT a.host_id, NULLIF(a.boot_id, '') AS boot_id, a.conn_id,
       CASE WHEN had.source_conn IS NOT NULL THEN 'ambiguous'
            WHEN mirror.host_id IS NOT NULL THEN 'same-host'
            WHEN a.peer IS NULL THEN 'peer-not-recorded'
            ELSE 'not-seen-by-peer' END AS reason,
       a.remote_addr, CAST(a.remote_port AS INT) AS remote_port, a.start_us
FROM aligned a
LEFT JOIN edges e ON e.source_host = a.host_id AND COALESCE(e.source_boot, '') = a.boot_id AND e.source_conn = a.conn_id
LEFT JOIN (SELECT DISTINCT source_host, source_boot, source_conn FROM candidates) had
  ON had.source_host = a.host_id AND had.source_boot = a.boot_id AND had.source_conn = a.conn_id
LEFT JOIN (SELECT DISTINCT host_id, protocol, local_addr, local_port, remote_addr, remote_port FROM conns) mirror
  ON mirror.host_id = a.host_id AND mirror.protocol = a.protocol
 AND mirror.local_addr = a.remote_addr AND mirror.local_port = a.remote_port
 AND mirror.remote_addr = a.local_addr AND mirror.remote_port = a.local_port
WHERE a.direction = 'outbound' AND e.source_conn IS NULL
  AND (a.remote_scope IN ('private', 'shared-nat') OR a.peer IS NOT NULL)
