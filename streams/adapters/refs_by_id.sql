-- The newest message of each carrier's id whose destination agrees: carriers use ids again.
SELECT w.n, f.tenant::text, f.chunk, f.send, f.position, f.segments
FROM unnest(%s::integer[], %s::text[], %s::text[], %s::bigint[]) AS w (n, carrier, id, to_hash)
JOIN LATERAL (SELECT * FROM carrier_refs f
              WHERE f.carrier = w.carrier AND f.id = w.id AND f.to_hash = w.to_hash
              ORDER BY f.at DESC LIMIT 1) f ON true
