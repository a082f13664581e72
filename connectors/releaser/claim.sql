-- Lease waiting rows (picked by one of the `pick_*.sql`) and give them with their payload.
-- `started`: positions that a carrier call was begun for under this send or a later one, as far as PostgreSQL knows.
WITH picked AS (/* picked */)
UPDATE held h SET lease = %(lease)s, lease_until = %(until)s
FROM picked k JOIN chunk_payloads y ON y.tenant = k.tenant AND y.chunk = k.chunk
WHERE (h.tenant, h.chunk, h.send, h.hold, h.portion) = (k.tenant, k.chunk, k.send, k.hold, k.portion)
RETURNING h.tenant, h.chunk, h.send, h.hold, h.portion, h.reason, h.positions, h.slice,
    (SELECT array_agg(a.started) FROM attempt_chunks a
     WHERE a.tenant = h.tenant AND a.chunk = h.chunk AND a.send >= h.send),
    k.version, y.key_id, y.sealed, y.size, y.indexes
