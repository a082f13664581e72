SELECT tenant::text, chunk, campaign, round, price_class, price, positions, segments, amount, charged, refunded, charged_amount, at
FROM reservations ORDER BY tenant, chunk, round, price_class
