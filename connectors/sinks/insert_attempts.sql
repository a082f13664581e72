INSERT INTO attempt_chunks (tenant, chunk, send, carrier, at)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::text[], %s::bigint[])
ON CONFLICT (tenant, chunk, send) DO NOTHING
