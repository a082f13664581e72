-- Parked receipts whose message has become known since, and those that fit exactly one uncertain message. Where `msg_id_type`
-- says that ids have one form alone, the destination is not asked.
SELECT r.carrier, r.id, r.to_hash, r.state, r.code, r.done_at
FROM parked_receipts r
LEFT JOIN (SELECT id AS carrier, coalesce(settings->>'msg_id_type', 'auto') <> 'auto' AS by_id_alone FROM carriers) c
     ON c.carrier = r.carrier
WHERE EXISTS (SELECT FROM message_refs m JOIN ref_blocks b ON b.number = m.block AND b.carrier = r.carrier
              WHERE m.key = r.key AND (m.to_hash = r.to_hash OR c.by_id_alone))
   OR EXISTS (SELECT FROM carrier_refs f
              WHERE f.carrier = r.carrier AND f.id = r.id AND (f.to_hash = r.to_hash OR c.by_id_alone))
   OR 1 = (SELECT count(*) FROM uncertain_positions u WHERE u.carrier = r.carrier AND u.to_hash = r.to_hash)
ORDER BY r.carrier, r.at
LIMIT 1000
