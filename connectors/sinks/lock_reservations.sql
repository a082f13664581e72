SELECT r.tenant::text, r.chunk, r.round, r.price_class, r.price, r.positions, r.segments, r.amount, r.charged, r.refunded,
       r.charged_amount, r.lease
FROM reservations r
JOIN unnest(%s::uuid[], %s::text[], %s::integer[], %s::integer[])
    AS wanted (tenant, chunk, round, price_class) USING (tenant, chunk, round, price_class)
ORDER BY r.tenant, r.chunk, r.round, r.price_class
FOR UPDATE OF r
