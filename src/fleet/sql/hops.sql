-- Login sessions that began on a host while a session to that host was open.
WITH sessions AS (
  SELECT * FROM edges
  WHERE target_port IN (22, 23, 445, 3389, 5985, 5986) AND end_us - start_us >= 30000000)
SELECT o.source_host AS outer_host, o.source_boot AS outer_boot, o.source_conn AS outer_conn,
       i.source_host AS through_host, i.source_boot AS inner_boot, i.source_conn AS inner_conn, i.target_host AS inner_target, o.start_us AS outer_start_us,
       i.start_us AS inner_start_us, o.target_port AS outer_port, i.target_port AS inner_port
FROM sessions o
JOIN sessions i ON i.source_host = o.target_host AND i.start_us BETWEEN o.start_us AND o.end_us
WHERE i.target_host <> o.source_host
