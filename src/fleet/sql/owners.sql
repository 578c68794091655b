-- Addresses that one host alone has. Those of bridges, and of sites behind NAT, are on many.
SELECT addr, MIN(host_id) AS owner
FROM host_addresses
WHERE host_id IS NOT NULL AND addr NOT LIKE '127.%' AND addr <> '::1' AND addr NOT LIKE '169.254.%' AND addr NOT LIKE 'fe80:%'
GROUP BY addr
HAVING COUNT(DISTINCT host_id) = 1
