-- Uncertain messages for which the carrier's receipts are no longer awaited, with the newest round that reserved each of
-- them, which is not always the chunk's newest. No round: it was free, or drawn on an allowance, whose rest goes back by
-- itself.
SELECT u.tenant::text, u.chunk, u.send, array_agg(u.position::int), y.campaign, v.round, v.price_class, v.price, v.segments, v.lease,
       t.charge_uncertain, y.size::int
FROM uncertain_positions u
JOIN carriers k ON k.id = u.carrier
JOIN tenants t ON t.id = u.tenant
JOIN chunk_payloads y ON y.tenant = u.tenant AND y.chunk = u.chunk
LEFT JOIN LATERAL (
    SELECT r.* FROM reservations r
    WHERE r.tenant = u.tenant AND r.chunk = u.chunk
      AND CASE WHEN u.position < 8 * length(r.positions) THEN get_bit(r.positions, u.position) = 1 ELSE false END
    ORDER BY r.at DESC, r.round DESC, r.price_class DESC LIMIT 1) v ON true
WHERE u.at < %(now)s - 1000::bigint * k.receipt_wait_seconds
GROUP BY u.tenant, u.chunk, u.send, y.campaign, v.round, v.price_class, v.price, v.segments, v.lease, t.charge_uncertain, y.size
LIMIT 100
