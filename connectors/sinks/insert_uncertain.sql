INSERT INTO uncertain_positions (tenant, chunk, send, position, carrier, to_hash, at)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::smallint[], %s::text[], %s::bigint[], %s::bigint[])
ON CONFLICT (tenant, chunk, send, position) DO NOTHING
