-- A clock is judged by most of its partners.
SELECT host_id, CAST(FLOOR(MEDIAN(ahead_us)) AS BIGINT) AS ahead_us, COUNT(*) AS partners
FROM clock_pairs
GROUP BY host_id
