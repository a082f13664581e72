INSERT INTO held (tenant, chunk, send, hold, portion, campaign, part, lane, carrier, reason, not_before, expires_at, positions,
                  waiting, cost, cheapest, segments_total, slice, at, profile)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::integer[], %s::integer[], %s::text[], %s::integer[],
                     %s::text[],
                     %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bytea[], %s::integer[], %s::bigint[],
                     %s::bigint[], %s::integer[], %s::bytea[], %s::bigint[], %s::text[])
ON CONFLICT (tenant, chunk, send, hold, portion) DO NOTHING
