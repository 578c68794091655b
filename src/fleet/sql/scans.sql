-- Addresses that many hosts try on many ports without success. What succeeds is left out: it would
-- hide the scan behind the monitoring of the same address.
SELECT remote_addr AS target, COUNT(DISTINCT host_id) AS hosts, COUNT(DISTINCT remote_port) AS ports,
       COUNT(*) AS tries, MIN(start_us) AS first_us, MAX(start_us) AS last_us
FROM aligned
WHERE direction = 'outbound' AND protocol = 'tcp' AND established = 0
GROUP BY remote_addr
HAVING COUNT(DISTINCT host_id) >= 5 AND COUNT(DISTINCT remote_port) >= 15
