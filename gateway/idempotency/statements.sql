-- What a key made; one statement a name.

-- name: find_key
-- What was made under these ids, which derive from idempotency keys: a message, a campaign, or nothing.
SELECT chunk AS id, digest, accepted_at AS at, NULL::jsonb AS answer
FROM chunk_payloads WHERE tenant = %(tenant)s AND chunk = ANY(%(messages)s)
UNION ALL
SELECT id, digest, created_at, answer FROM campaigns WHERE tenant = %(tenant)s AND id = ANY(%(campaigns)s);
