-- What the addresses prove: whether the local one is the host's alone, and whose the remote one is.
SELECT c.*, CASE WHEN mine.owner = c.host_id THEN 1 ELSE 0 END AS owned, theirs.owner AS peer
FROM conns c
LEFT JOIN owners mine ON mine.addr = c.local_addr
LEFT JOIN owners theirs ON theirs.addr = c.remote_addr
