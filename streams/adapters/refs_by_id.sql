-- The newest message of each carrier's id whose destination agrees: carriers use ids again. What an earlier version wrote
-- stands in carrier_refs, under the id itself. The arrays are sent in binary: as text each id is searched for quotes.
SELECT w.n, f.tenant::text, f.chunk, f.send, f.position, f.segments
FROM unnest(%b::integer[], %b::text[], %b::text[], %b::bigint[], %b::bigint[]) AS w (n, carrier, id, key, to_hash)
JOIN LATERAL (SELECT b.tenant, b.chunk, b.send, m.position, m.segments, b.number
              FROM message_refs m JOIN ref_blocks b ON b.number = m.block AND b.carrier = w.carrier
              WHERE m.key = w.key AND m.to_hash = w.to_hash
              UNION ALL
              SELECT o.tenant, o.chunk, o.send, o.position, o.segments, -1
              FROM (SELECT * FROM carrier_refs o
                    WHERE o.carrier = w.carrier AND o.id = w.id AND o.to_hash = w.to_hash
                    ORDER BY o.at DESC LIMIT 1) o
              ORDER BY number DESC LIMIT 1) f ON true
