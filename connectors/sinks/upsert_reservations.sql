INSERT INTO reservations (tenant, chunk, round, price_class, campaign, price, positions, segments, amount, charged, refunded,
                          charged_amount, lease, at)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::integer[], %s::text[], %s::bigint[], %s::bytea[], %s::bytea[],
                     %s::bigint[], %s::bytea[], %s::bytea[], %s::bigint[], %s::text[], %s::bigint[])
ON CONFLICT (tenant, chunk, round, price_class) DO UPDATE
SET positions = EXCLUDED.positions, segments = EXCLUDED.segments, amount = EXCLUDED.amount, charged = EXCLUDED.charged,
    refunded = EXCLUDED.refunded, charged_amount = EXCLUDED.charged_amount
