-- The next chunks of a campaign, with the states of their messages as far as the sinks have counted them.
SELECT c.chunk, c.sequences
FROM chunks c
WHERE c.tenant = %(tenant)s::uuid AND c.campaign = %(campaign)s AND c.chunk COLLATE "C" > %(after)s
  AND EXISTS (SELECT FROM chunk_payloads p WHERE p.tenant = c.tenant AND p.chunk = c.chunk)
ORDER BY c.chunk COLLATE "C"
LIMIT %(limit)s
