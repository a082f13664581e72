-- These chunks as the gateway cut them.
SELECT y.tenant::text, y.chunk, y.campaign, y.part, y.size, y.lane, y.sender, y.body, y.smart, y.grouping, y.accepted_at,
       y.due_at, y.expires_at, y.indexes, y.key_id, y.sealed, c.profile
FROM chunk_payloads y LEFT JOIN campaigns c ON c.tenant = y.tenant AND c.id = y.campaign
WHERE y.tenant = %(tenant)s::uuid AND y.chunk = ANY(%(chunks)s::text[])
ORDER BY y.chunk
