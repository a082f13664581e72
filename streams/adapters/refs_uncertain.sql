-- The uncertain message that a receipt with an unknown id fits, if there is exactly one. One that another receipt has settled
-- since (delivered or read: 2^20 and more; undelivered: rank 11 of this send) is uncertain no more: what comes now is
-- about a later message to the same number. One that was taken again by hand is one message still, its newest send.
SELECT w.n, min(u.tenant::text), min(u.chunk), max(u.send), min(u.position)
FROM unnest(%s::integer[], %s::text[], %s::bigint[]) AS w (n, carrier, to_hash)
JOIN uncertain_positions u ON u.carrier = w.carrier AND u.to_hash = w.to_hash
WHERE NOT EXISTS (SELECT FROM chunks c WHERE c.tenant = u.tenant AND c.chunk = u.chunk
                  AND (c.sequences[u.position + 1] >= 1048576 OR c.sequences[u.position + 1] = u.send * 16 + 11))
GROUP BY w.n
HAVING count(DISTINCT (u.tenant, u.chunk, u.position)) = 1
