-- Receipts that nobody knows yet.
INSERT INTO parked_receipts (carrier, id, key, to_hash, state, code, done_at, at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT DO NOTHING
