-- New reservations, and more positions for known ones.
INSERT INTO reservations AS r (tenant, chunk, round, price_class, campaign, price, positions, segments, amount, at)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::integer[], %s::text[], %s::bigint[], %s::bytea[], %s::bytea[],
                     %s::bigint[], %s::bigint[])
ON CONFLICT (tenant, chunk, round, price_class) DO UPDATE
SET positions = EXCLUDED.positions, segments = EXCLUDED.segments, amount = r.amount + EXCLUDED.amount
