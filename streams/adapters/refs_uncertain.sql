-- The uncertain message that a receipt with an unknown id fits, if there is exactly one. Those that another receipt has
-- settled since (delivered or read: 2^20 and more; undelivered: rank 11 of this send) count only where all are: a number
-- gets more than one message. One that was taken again by hand is one message still, its newest send.
SELECT f.n, min(f.tenant), min(f.chunk), max(f.send), min(f.position)
FROM (SELECT w.n, u.tenant::text, u.chunk, u.send, u.position, s.settled, bool_and(s.settled) OVER (PARTITION BY w.n) AS every
      FROM unnest(%s::integer[], %s::text[], %s::bigint[]) AS w (n, carrier, to_hash)
      JOIN uncertain_positions u ON u.carrier = w.carrier AND u.to_hash = w.to_hash
      CROSS JOIN LATERAL (SELECT EXISTS (
          SELECT FROM chunks c WHERE c.tenant = u.tenant AND c.chunk = u.chunk
          AND (c.sequences[u.position + 1] >= 1048576 OR c.sequences[u.position + 1] = u.send * 16 + 11)) AS settled) s) f
WHERE f.settled = f.every
GROUP BY f.n
HAVING count(DISTINCT (f.tenant, f.chunk, f.position)) = 1
