INSERT INTO ref_blocks (tenant, chunk, send, carrier, at)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::text[], %s::bigint[])
RETURNING number, tenant::text, chunk, send, carrier
