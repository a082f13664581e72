-- The uncertain message that a receipt with an unknown id fits, if there is exactly one.
SELECT w.n, min(u.tenant::text), min(u.chunk), min(u.send), min(u.position)
FROM unnest(%s::integer[], %s::text[], %s::bigint[]) AS w (n, carrier, to_hash)
JOIN uncertain_positions u ON u.carrier = w.carrier AND u.to_hash = w.to_hash
GROUP BY w.n
HAVING count(*) = 1
