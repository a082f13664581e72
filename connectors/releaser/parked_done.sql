-- These receipts are on their way again.
DELETE FROM parked_receipts r
USING unnest(%(carriers)s::text[], %(ids)s::text[], %(hashes)s::bigint[], %(states)s::text[]) AS u (carrier, id, to_hash, state)
WHERE (r.carrier, r.id, r.to_hash, r.state) = (u.carrier, u.id, u.to_hash, u.state)
