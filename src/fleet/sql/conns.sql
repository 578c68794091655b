-- Connections of every host, each once. A socket that several captures have is one connection; its
-- counters are cumulative, so the largest are the last. Sockets of other namespaces, and of captures that name no host, are left out.
SELECT host_id, COALESCE(boot_id, '') AS boot_id, conn_id,
       MIN(protocol) AS protocol, MIN(local_addr) AS local_addr, MIN(COALESCE(local_port, 0)) AS local_port,
       MIN(remote_addr) AS remote_addr, MIN(COALESCE(remote_port, 0)) AS remote_port,
       MAX(remote_name) AS remote_name, MIN(remote_scope) AS remote_scope, MAX(direction) AS direction,
       MIN(first_seen_us) AS first_us, MAX(last_seen_us) AS last_us,
       MAX(CASE WHEN opened_in_recording THEN 1 ELSE 0 END) AS opened,
       MAX(CASE WHEN start_is_exact THEN 1 ELSE 0 END) AS exact,
       MAX(CASE WHEN closed_in_recording THEN 1 ELSE 0 END) AS closed,
       MAX(CASE WHEN states LIKE '%ESTABLISHED%' THEN 1 ELSE 0 END) AS established,
       MAX(bytes_sent) AS bytes_sent, MAX(bytes_received) AS bytes_received,
       MAX(pid) AS pid, MAX(process_name) AS process_name, MAX(exe) AS exe, MAX(exe_sha256) AS exe_sha256,
       MAX(username) AS username, MAX(process_start_us) AS process_start_us
FROM connections
WHERE host_id IS NOT NULL AND role = 'connection' AND remote_addr IS NOT NULL AND (is_own IS NULL OR is_own)
GROUP BY host_id, COALESCE(boot_id, ''), conn_id
