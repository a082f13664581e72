-- What streams ask PostgreSQL in few lines; longer statements are files of their own.

-- name: allowance_open
-- A new allowance.
INSERT INTO allowances (tenant, lease, amount, expires_at) VALUES (%(tenant)s, %(lease)s, %(amount)s, %(expires_at)s)

-- name: allowance_raise
-- An allowance gets more, and more time; no row: it has ended.
UPDATE allowances SET amount = amount + %(amount)s, expires_at = %(expires_at)s
WHERE tenant = %(tenant)s AND lease = %(lease)s

-- name: cap_counted
-- What was reserved of these chunks, whatever the round.
SELECT r.tenant::text, r.chunk, r.positions FROM unnest(%s::uuid[], %s::text[]) AS w (tenant, chunk)
JOIN reservations r ON r.tenant = w.tenant AND r.chunk = w.chunk

-- name: cap_usage
-- What these tenants have used of these periods.
SELECT tenant::text, period, messages, spent FROM tenant_usage WHERE tenant = ANY(%s::uuid[]) AND period = ANY(%s::text[])

-- name: cap_usage_add
-- More of it is used.
INSERT INTO tenant_usage AS u (tenant, period, messages, spent)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT (tenant, period) DO UPDATE SET messages = u.messages + EXCLUDED.messages, spent = u.spent + EXCLUDED.spent

-- name: credit_move
-- The accounts carry what was reserved.
UPDATE balances b SET reserved = b.reserved + moved.amount
FROM unnest(%s::uuid[], %s::bigint[]) AS moved (tenant, amount)
WHERE b.tenant = moved.tenant

-- name: parts_read
-- The states of all segments of these messages.
SELECT r.tenant::text, r.chunk, r.send, r.position, r.state
FROM (SELECT DISTINCT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::smallint[])
      AS w (tenant, chunk, send, position)) w
JOIN receipt_parts r USING (tenant, chunk, send, position)

-- name: parts_write
-- Segments whose receipts have come.
INSERT INTO receipt_parts (tenant, chunk, send, position, id, state)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::smallint[], %s::text[], %s::text[])
ON CONFLICT (tenant, chunk, send, position, id) DO UPDATE SET state = EXCLUDED.state

-- name: refs_about
-- What a chunk says of itself.
SELECT p.tenant::text, p.chunk, p.campaign, p.part, p.size, p.lane, p.indexes, p.key_id, p.sealed, p.accepted_at, c.price, c.segments
FROM unnest(%s::uuid[], %s::text[]) AS w (tenant, chunk)
JOIN chunk_payloads p ON p.tenant = w.tenant AND p.chunk = w.chunk
LEFT JOIN chunks c ON c.tenant = w.tenant AND c.chunk = w.chunk

-- name: ref_pages_list
-- The pages of what was sent a moment ago, the newest first.
SELECT number FROM ref_pages ORDER BY number DESC

-- name: ref_pages_read
-- What these pages say.
SELECT number, tenant::text, chunk, send, carrier, refs FROM ref_pages WHERE number = ANY (%b::bigint[])

-- name: refs_by_id_alone
-- Carriers whose ids have one form only.
SELECT id FROM carriers WHERE coalesce(settings->>'msg_id_type', 'auto') <> 'auto'

-- name: refs_money
-- Under which rounds a chunk's messages were paid for.
SELECT r.tenant::text, r.chunk, r.round, r.price_class, r.price, r.positions, r.segments, r.lease
FROM unnest(%s::uuid[], %s::text[]) AS w (tenant, chunk)
JOIN reservations r ON r.tenant = w.tenant AND r.chunk = w.chunk
ORDER BY r.at, r.round, r.price_class

-- name: refs_park_lock
-- Sinks write no page while receipts are parked: they would not see that one of theirs is. See connectors/sinks/fresh_refs.py.
SELECT pg_advisory_xact_lock_shared(pg_catalog.hashtext('ref_pages'))

-- name: ref_pages_due
-- A receipt about a message of these chunks is parked: the messages get rows, by which it is found again.
UPDATE ref_pages p SET due_at = 0
FROM unnest(%s::uuid[], %s::text[]) AS w (tenant, chunk)
WHERE p.tenant = w.tenant AND p.chunk = w.chunk

-- name: refs_park
-- Receipts that nobody knows yet.
INSERT INTO parked_receipts (carrier, id, key, to_hash, state, code, done_at, done_text, at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::text[],
                     %s::bigint[])
ON CONFLICT DO NOTHING
