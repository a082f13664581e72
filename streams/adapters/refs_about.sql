-- What a chunk says of itself.
SELECT p.tenant::text, p.chunk, p.campaign, p.part, p.size, p.lane, p.indexes, p.key_id, p.sealed, c.price, c.segments
FROM unnest(%s::uuid[], %s::text[]) AS w (tenant, chunk)
JOIN chunk_payloads p ON p.tenant = w.tenant AND p.chunk = w.chunk
LEFT JOIN chunks c ON c.tenant = w.tenant AND c.chunk = w.chunk
