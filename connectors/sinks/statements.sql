-- What sinks read and write in few lines; longer statements are files of their own.

-- name: add_spend
INSERT INTO campaign_spend AS s (tenant, campaign, partition, charged)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::smallint[], %s::bigint[])
ON CONFLICT (tenant, campaign, partition) DO UPDATE SET charged = s.charged + EXCLUDED.charged

-- name: advance_offsets
UPDATE sink_offsets SET next = given.next
FROM unnest(%s::text[], %s::smallint[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS given (topic, partition, next, epoch, written)
WHERE sink_offsets.topic = given.topic AND sink_offsets.partition = given.partition AND sink_offsets.epoch = given.epoch
    AND sink_offsets.next >= given.written

-- name: any_parked
SELECT EXISTS (SELECT FROM parked_receipts)

-- name: carrier_numbers
SELECT id, number FROM carriers

-- name: delete_awaited
DELETE FROM awaited_receipts w
USING unnest(%s::uuid[], %s::text[], %s::smallint[]) AS gone (tenant, chunk, carrier)
WHERE w.tenant = gone.tenant AND w.chunk = gone.chunk AND w.carrier = gone.carrier

-- name: delete_uncertain
DELETE FROM uncertain_positions u
USING unnest(%s::uuid[], %s::text[], %s::integer[], %s::bytea[]) AS known (tenant, chunk, send, answered)
WHERE u.tenant = known.tenant AND u.chunk = known.chunk AND u.send = known.send
  AND CASE WHEN u.position < 8 * length(known.answered) THEN get_bit(known.answered, u.position) = 1 ELSE false END

-- name: insert_attempts
INSERT INTO attempt_chunks (tenant, chunk, send, carrier, at)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::text[], %s::bigint[])
ON CONFLICT (tenant, chunk, send) DO NOTHING

-- name: insert_dead_letters
INSERT INTO dead_letters (partition, "offset", orig_topic, orig_partition, orig_offset, error_class, error_code,
                          error_message, service, failed_at, key, value, headers)
SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::text[], %s::integer[], %s::bigint[], %s::text[], %s::text[],
                     %s::text[], %s::text[], %s::bigint[], %s::bytea[], %s::bytea[], %s::jsonb[])
ON CONFLICT (partition, "offset") DO NOTHING

-- name: insert_payloads
INSERT INTO chunk_payloads SELECT * FROM staging_payloads ON CONFLICT (tenant, chunk) DO NOTHING

-- name: insert_ref_pages
INSERT INTO ref_pages (tenant, chunk, send, carrier, at, due_at, refs)
SELECT * FROM unnest(%b::uuid[], %b::text[], %b::integer[], %b::text[], %b::bigint[], %b::bigint[], %b::bytea[])

-- name: insert_uncertain
INSERT INTO uncertain_positions (tenant, chunk, send, position, carrier, to_hash, at)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::smallint[], %s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT (tenant, chunk, send, position) DO NOTHING

-- name: lock_allowances
SELECT a.tenant::text, a.lease, a.amount
FROM allowances a JOIN unnest(%s::uuid[], %s::text[]) AS wanted (tenant, lease) USING (tenant, lease)
ORDER BY a.tenant, a.lease
FOR UPDATE OF a

-- name: lock_attempts
SELECT a.tenant::text, a.chunk, a.send, a.started, a.settled, a.at
FROM attempt_chunks a
JOIN unnest(%s::uuid[], %s::text[], %s::integer[]) AS wanted (tenant, chunk, send) USING (tenant, chunk, send)
ORDER BY a.tenant, a.chunk, a.send
FOR UPDATE OF a

-- name: lock_balances
SELECT tenant::text FROM balances WHERE tenant = ANY (%s::uuid[]) ORDER BY tenant FOR UPDATE

-- name: lower_allowances
UPDATE allowances a SET amount = a.amount - given.drawn
FROM unnest(%s::uuid[], %s::text[], %s::bigint[]) AS given (tenant, lease, drawn)
WHERE a.tenant = given.tenant AND a.lease = given.lease

-- name: parked_among
SELECT DISTINCT key FROM parked_receipts WHERE key = ANY (%b::bigint[])

-- name: parking_stands_still
-- Whoever parks a receipt takes the same lock, shared: see streams/adapters/postgres_refs.py.
SELECT pg_advisory_xact_lock(pg_catalog.hashtext('ref_pages'))

-- name: select_chunks
SELECT tenant::text, chunk, sequences, reasons, seconds, carriers, segments, price, codes, updated_at
FROM chunks JOIN unnest(%s::uuid[], %s::text[]) AS wanted (tenant, chunk) USING (tenant, chunk)

-- name: staging_chunks
CREATE TEMP TABLE IF NOT EXISTS staging_chunks (LIKE public.chunks) ON COMMIT DELETE ROWS

-- name: staging_payloads
CREATE TEMP TABLE IF NOT EXISTS staging_payloads (LIKE public.chunk_payloads) ON COMMIT DELETE ROWS

-- name: update_attempts
UPDATE attempt_chunks a SET started = given.started, settled = given.settled, at = given.at
FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::bytea[], %s::bytea[], %s::bigint[])
    AS given (tenant, chunk, send, started, settled, at)
WHERE a.tenant = given.tenant AND a.chunk = given.chunk AND a.send = given.send

-- name: upsert_awaited
-- What has changed is looked at anew: no lease.
INSERT INTO awaited_receipts (tenant, chunk, carrier, since)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::smallint[], %s::integer[])
ON CONFLICT (tenant, chunk, carrier) DO UPDATE SET since = EXCLUDED.since, lease_until = 0

-- name: upsert_chunks
INSERT INTO chunks SELECT * FROM staging_chunks
ON CONFLICT (tenant, chunk) DO UPDATE
SET sequences = EXCLUDED.sequences, reasons = EXCLUDED.reasons, seconds = EXCLUDED.seconds,
    carriers = EXCLUDED.carriers, segments = EXCLUDED.segments, price = EXCLUDED.price, codes = EXCLUDED.codes,
    updated_at = EXCLUDED.updated_at
