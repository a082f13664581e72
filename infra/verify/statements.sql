-- What `verify` reads in few lines; longer statements are files of their own.

-- name: campaign_counts
SELECT tenant::text, campaign, place::integer - 1, sum(number)::bigint
FROM campaign_counts CROSS JOIN LATERAL unnest(counts) WITH ORDINALITY AS c (number, place)
GROUP BY tenant, campaign, place

-- name: campaign_prices
SELECT coalesce(s.campaign, r.campaign), coalesce(s.charged, 0), coalesce(r.charged, 0)
FROM (SELECT tenant, campaign, sum(charged)::bigint AS charged FROM campaign_spend GROUP BY tenant, campaign) s
FULL JOIN (SELECT tenant, campaign, sum(charged_amount)::bigint AS charged FROM reservations WHERE campaign IS NOT NULL
           GROUP BY tenant, campaign) r USING (tenant, campaign)

-- name: carrier_rates
SELECT carrier, rate, extract(epoch FROM since)::float8 FROM carrier_rates ORDER BY since

-- name: carrier_slack
SELECT id, binds, window_size FROM carriers

-- name: chunk_states
SELECT tenant::text, chunk, campaign, sequences, seconds, price > 0 FROM chunks

-- name: offsets
SELECT topic, partition, next FROM sink_offsets

-- name: parts
SELECT tenant::text, campaign, part, recipients FROM campaign_parts

-- name: payloads
SELECT tenant::text, chunk, campaign, part, size, lane, accepted_at, indexes FROM chunk_payloads

-- name: reservations
SELECT tenant::text, chunk, campaign, round, price_class, price, positions, segments, amount, charged, refunded, charged_amount, at
FROM reservations ORDER BY tenant, chunk, round, price_class

-- name: waiting
SELECT tenant::text, chunk, positions FROM held WHERE waiting > 0
