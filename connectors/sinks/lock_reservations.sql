SELECT r.tenant::text, r.chunk, r.round, r.price, r.positions, r.segments, r.amount, r.charged, r.refunded,
       r.charged_amount, r.lease
FROM reservations r
JOIN unnest(%s::uuid[], %s::text[], %s::integer[]) AS wanted (tenant, chunk, round) USING (tenant, chunk, round)
ORDER BY r.tenant, r.chunk, r.round
FOR UPDATE OF r
