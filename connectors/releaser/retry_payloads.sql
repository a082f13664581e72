-- These chunks as the gateway cut them.
SELECT tenant::text, chunk, campaign, part, size, lane, sender, body, smart, grouping, accepted_at, due_at, expires_at, indexes,
       key_id, sealed
FROM chunk_payloads
WHERE tenant = %(tenant)s::uuid AND chunk = ANY(%(chunks)s::text[])
ORDER BY chunk
