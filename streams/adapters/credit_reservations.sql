-- What was reserved under these keys before.
SELECT r.tenant::text, r.chunk, r.round, r.positions, r.segments
FROM reservations r
JOIN unnest(%s::uuid[], %s::text[], %s::integer[]) AS wanted (tenant, chunk, round) USING (tenant, chunk, round)
ORDER BY r.tenant, r.chunk, r.round
FOR UPDATE OF r
