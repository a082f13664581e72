-- What keys made; one statement a name.

-- name: find_key
-- What was made under these ids, which derive from idempotency keys: messages, campaigns, or nothing. A message that shares a
-- chunk has its key beside its place.
SELECT root, CASE WHEN chunk LIKE 'msg%%' THEN chunk ELSE 'msg_' || substr(chunk, 5) || '-' || position END AS id, digest, at,
       NULL::jsonb AS answer
FROM message_keys WHERE tenant = %(tenant)s AND root = ANY(%(roots)s)
UNION ALL
SELECT substr(chunk, 5), chunk, digest, accepted_at, NULL::jsonb
FROM chunk_payloads WHERE tenant = %(tenant)s AND chunk = ANY(%(messages)s)
UNION ALL
SELECT substr(id, 5), id, digest, created_at, answer FROM campaigns WHERE tenant = %(tenant)s AND id = ANY(%(campaigns)s);

-- name: keep_keys
-- Claim these keys for messages at these places; those that are claimed already stay as they are. In one order, so that two
-- gateways with the same keys do not wait for each other.
INSERT INTO message_keys (tenant, root, digest, chunk, position, at)
SELECT %(tenant)s, u.root, u.digest, u.chunk, u.position, %(now)s
FROM unnest(%(roots)s::text[], %(digests)s::bytea[], %(chunks)s::text[], %(positions)s::smallint[])
    AS u (root, digest, chunk, position)
ORDER BY u.root
ON CONFLICT DO NOTHING;

-- name: keep_record
-- The record of a chunk as it is about to be written, so that whoever repeats one of its requests can write the same again.
INSERT INTO unconfirmed_chunks (tenant, chunk, record, at) VALUES (%(tenant)s, %(chunk)s, %(record)s, %(now)s)
ON CONFLICT DO NOTHING;

-- name: find_record
-- The record of a chunk that may not be in Kafka.
SELECT record FROM unconfirmed_chunks WHERE tenant = %(tenant)s AND chunk = %(chunk)s;

-- name: find_chunk
-- Whether the sinks have this chunk, so that Kafka has it.
SELECT 1 FROM chunk_payloads WHERE tenant = %(tenant)s AND chunk = %(chunk)s;
