-- The newest message of each carrier's id whose destination agrees: carriers use ids again. Where `msg_id_type` says that ids
-- have one form alone, an id means one message only: then one whose destination does not agree will do. What an earlier
-- version wrote stands in carrier_refs, under the id itself. The arrays are sent in binary: as text each id is searched for
-- quotes.
SELECT w.n, w.id, f.tenant::text, f.chunk, f.send, f.position, f.segments, f.agrees, f.number
FROM unnest(%b::integer[], %b::text[], %b::text[], %b::bigint[], %b::bigint[]) AS w (n, carrier, id, key, to_hash)
LEFT JOIN (SELECT id AS carrier, coalesce(settings->>'msg_id_type', 'auto') <> 'auto' AS by_id_alone FROM carriers) c
     ON c.carrier = w.carrier
JOIN LATERAL (SELECT b.tenant, b.chunk, b.send, m.position, m.segments, b.number, m.to_hash = w.to_hash AS agrees
              FROM message_refs m JOIN ref_blocks b ON b.number = m.block AND b.carrier = w.carrier
              WHERE m.key = w.key AND (m.to_hash = w.to_hash OR c.by_id_alone)
              UNION ALL
              SELECT o.tenant, o.chunk, o.send, o.position, o.segments, -1, o.to_hash = w.to_hash
              FROM (SELECT * FROM carrier_refs o
                    WHERE o.carrier = w.carrier AND o.id = w.id AND (o.to_hash = w.to_hash OR c.by_id_alone)
                    ORDER BY o.to_hash = w.to_hash DESC, o.at DESC LIMIT 1) o
              ORDER BY agrees DESC, number DESC LIMIT 1) f ON true
