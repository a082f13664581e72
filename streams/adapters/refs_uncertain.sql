-- The uncertain message that a receipt with an unknown id fits, if there is exactly one that no receipt has settled. What comes
-- behind the receipt that settled one is about a later message to the same number. One that was taken again by hand is one
-- message still, its newest send.
SELECT w.n, min(u.tenant::text), min(u.chunk), max(u.send), min(u.position)
FROM unnest(%s::integer[], %s::text[], %s::bigint[]) AS w (n, carrier, to_hash)
JOIN unsettled_positions u ON u.carrier = w.carrier AND u.to_hash = w.to_hash
GROUP BY w.n
HAVING count(DISTINCT (u.tenant, u.chunk, u.position)) = 1
