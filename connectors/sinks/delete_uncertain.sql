DELETE FROM uncertain_positions u
USING unnest(%s::uuid[], %s::text[], %s::integer[], %s::bytea[]) AS known (tenant, chunk, send, answered)
WHERE u.tenant = known.tenant AND u.chunk = known.chunk AND u.send = known.send
  AND CASE WHEN u.position < 8 * length(known.answered) THEN get_bit(known.answered, u.position) = 1 ELSE false END
