-- Parked receipts whose message has become known since, and those that fit exactly one uncertain message: one that no other
-- receipt has settled and that was accepted before the receipt came. Where `msg_id_type` says that ids have one form alone,
-- the destination is not asked. Those that came lately are looked at each time, of the others a share: 100,000 that nobody
-- knows take 0.4 s, 1.2 s where several uncertain messages fit each, and this is asked every second for three days.
SELECT r.carrier, r.id, r.to_hash, r.state, r.code, r.done_at, r.done_text, r.at
FROM parked_receipts r
LEFT JOIN (SELECT id AS carrier, coalesce(settings->>'msg_id_type', 'auto') <> 'auto' AS by_id_alone FROM carriers) c
     ON c.carrier = r.carrier
WHERE (r.at > %(lately)s OR (hashtext(r.id) & 2147483647) %% %(shares)s = %(share)s)
  AND (EXISTS (SELECT FROM message_refs m JOIN ref_blocks b ON b.number = m.block AND b.carrier = r.carrier
              WHERE m.key = r.key AND (m.to_hash = r.to_hash OR c.by_id_alone))
    OR EXISTS (SELECT FROM carrier_refs f
              WHERE f.carrier = r.carrier AND f.id = r.id AND (f.to_hash = r.to_hash OR c.by_id_alone))
    OR 1 = (SELECT count(DISTINCT (u.tenant, u.chunk, u.position)) FROM unsettled_positions u
           WHERE u.carrier = r.carrier AND u.to_hash = r.to_hash
           AND NOT EXISTS (SELECT FROM chunk_payloads y
                           WHERE y.tenant = u.tenant AND y.chunk = u.chunk AND y.accepted_at > r.at)))
ORDER BY r.carrier, r.at
LIMIT 1000
