-- Connections on the common clock.
SELECT e.*, COALESCE(k.ahead_us, 0) AS ahead_us,
       e.first_us - COALESCE(k.ahead_us, 0) AS start_us, e.last_us - COALESCE(k.ahead_us, 0) AS end_us,
       COALESCE(e.remote_name, e.remote_addr) AS place
FROM ends e
LEFT JOIN host_clocks k ON k.host_id = e.host_id
