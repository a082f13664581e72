-- Under which rounds a chunk's messages were paid for.
SELECT r.tenant::text, r.chunk, r.round, r.price_class, r.price, r.positions, r.segments, r.lease
FROM unnest(%s::uuid[], %s::text[]) AS w (tenant, chunk)
JOIN reservations r ON r.tenant = w.tenant AND r.chunk = w.chunk
ORDER BY r.at, r.round, r.price_class
