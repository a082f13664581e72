-- What the command line does with tenants, keys, balances, carriers and routes; read by admin_store.py, one statement a name.

-- name: tenant_add
INSERT INTO tenants (id, name) VALUES (%(id)s, %(name)s) ON CONFLICT (name) DO NOTHING;

-- name: balance_open
INSERT INTO balances (tenant, balance, credited) VALUES (%(tenant)s, %(amount)s, %(amount)s);

-- name: tenants
SELECT t.id::text AS id, t.name, t.lanes, t.senders, t.balance_short, t.charge_uncertain, t.quiet_hours, t.caps,
       t.request_rate, t.request_burst, t.weight, t.retry, b.balance, b.reserved,
       (SELECT count(*) FROM api_keys k WHERE k.tenant = t.id AND k.revoked_at IS NULL) AS keys
FROM tenants t JOIN balances b ON b.tenant = t.id
WHERE %(which)s::text IS NULL OR t.name = %(which)s OR t.id::text = %(which)s ORDER BY t.created_at, t.name;

-- name: tenant_set
-- When its hours change, its campaigns that wait for hours are looked at again as soon as every role knows the new ones.
WITH looked_at AS (
    UPDATE campaigns SET hours_changed_at = %(now)s::bigint + 3000
    WHERE tenant = %(id)s::uuid AND status IN ('running', 'paused') AND %(quiet_hours)s::jsonb <> '{}'
)
UPDATE tenants SET lanes = coalesce(%(lanes)s, lanes),
    senders = CASE WHEN %(any_sender)s::boolean THEN NULL ELSE coalesce(%(senders)s, senders) END,
    balance_short = coalesce(%(balance_short)s, balance_short),
    charge_uncertain = coalesce(%(charge_uncertain)s, charge_uncertain),
    request_rate = CASE WHEN %(request_rate)s::float8 = 0 THEN NULL ELSE coalesce(%(request_rate)s, request_rate) END,
    request_burst = CASE WHEN %(request_rate)s::float8 = 0 THEN NULL
        ELSE coalesce(%(request_burst)s, request_burst, greatest(1, ceil(%(request_rate)s::float8)::integer)) END,
    weight = coalesce(%(weight)s, weight), quiet_hours = quiet_hours || %(quiet_hours)s::jsonb,
    caps = jsonb_strip_nulls(caps || %(caps)s::jsonb), retry = jsonb_strip_nulls(retry || %(retry)s::jsonb),
    caps_changed_at = CASE WHEN %(caps)s::jsonb = '{}' THEN caps_changed_at ELSE %(now)s END
WHERE id = %(id)s::uuid;

-- name: tenant_used
SELECT period, messages, spent FROM tenant_usage WHERE tenant = %(tenant)s::uuid AND period = ANY(%(periods)s::text[]);

-- name: balance_credit
UPDATE balances SET balance = balance + %(amount)s, credited = credited + %(amount)s
WHERE tenant = %(tenant)s AND balance + %(amount)s <= %(most)s AND (%(amount)s >= 0 OR balance - reserved + %(amount)s >= 0);

-- name: key_add
INSERT INTO api_keys (id, tenant, name, hash) VALUES (%(id)s, %(tenant)s, %(name)s, %(hash)s) ON CONFLICT DO NOTHING;

-- name: keys
SELECT k.id, t.name AS tenant, k.name, k.created_at, k.revoked_at FROM api_keys k JOIN tenants t ON t.id = k.tenant
WHERE %(tenant)s::uuid IS NULL OR k.tenant = %(tenant)s ORDER BY k.created_at, k.id;

-- name: key_revoke
UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(id)s;

-- name: carriers_lock
LOCK TABLE carriers IN SHARE ROW EXCLUSIVE MODE;

-- name: carriers
SELECT id, number, kind, rate, window_size AS window, binds, receipt_wait_seconds, one_receipt_for_all_parts, partition,
       one_process, sender_rate, sender_rates, network_rates, settings
FROM carriers WHERE %(id)s::text IS NULL OR id = %(id)s ORDER BY number;

-- name: carrier_secret
SELECT secret_key_id, secret FROM carriers WHERE id = %(id)s;

-- name: carrier_add
INSERT INTO carriers (id, number, kind, rate, window_size, binds, receipt_wait_seconds, one_receipt_for_all_parts,
                      sender_rate, sender_rates, network_rates, partition, settings, secret, secret_key_id)
VALUES (%(id)s, %(number)s, %(kind)s, %(rate)s, %(window)s, %(binds)s, %(receipt_wait_seconds)s,
        %(one_receipt_for_all_parts)s, %(sender_rate)s, %(sender_rates)s, %(network_rates)s, %(partition)s, %(settings)s,
        %(secret)s, %(secret_key_id)s);

-- name: carrier_set
UPDATE carriers SET rate = coalesce(%(rate)s, rate), window_size = coalesce(%(window)s, window_size),
    binds = coalesce(%(binds)s, binds), receipt_wait_seconds = coalesce(%(receipt_wait_seconds)s, receipt_wait_seconds),
    sender_rate = CASE WHEN %(no_sender_rate)s::boolean THEN NULL ELSE coalesce(%(sender_rate)s, sender_rate) END,
    sender_rates = jsonb_strip_nulls(sender_rates || %(sender_rates)s::jsonb),
    network_rates = jsonb_strip_nulls(network_rates || %(network_rates)s::jsonb)
WHERE id = %(id)s;

-- name: carrier_apply
UPDATE carriers SET kind = %(kind)s, rate = %(rate)s, window_size = %(window)s, binds = %(binds)s,
    receipt_wait_seconds = %(receipt_wait_seconds)s, one_receipt_for_all_parts = %(one_receipt_for_all_parts)s,
    sender_rate = %(sender_rate)s, sender_rates = %(sender_rates)s, network_rates = %(network_rates)s, settings = %(settings)s, secret = %(secret)s, secret_key_id = %(secret_key_id)s
WHERE id = %(id)s;

-- name: carrier_move
UPDATE carriers SET settings = settings || %(address)s WHERE id = %(id)s AND NOT settings @> %(address)s;

-- name: dead_letters
SELECT partition || ':' || "offset" AS id, to_timestamp(failed_at / 1000.0) AS failed_at, service, error_class,
       error_code, error_message, orig_topic, orig_partition, orig_offset, length(value) AS bytes
FROM dead_letters WHERE %(code)s::text IS NULL OR error_code = %(code)s ORDER BY failed_at DESC LIMIT %(limit)s;

-- name: dead_letter
SELECT partition || ':' || "offset" AS id, to_timestamp(failed_at / 1000.0) AS failed_at, service, error_class,
       error_code, error_message, orig_topic, orig_partition, orig_offset, headers, encode(key, 'hex') AS key_hex,
       encode(value, 'hex') AS value_hex
FROM dead_letters WHERE partition = %(partition)s AND "offset" = %(offset)s;

-- name: dead_letter_stats
SELECT service, error_code, orig_topic, count(*) AS records, to_timestamp(max(failed_at) / 1000.0) AS newest
FROM dead_letters GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3;

-- name: campaign_known
SELECT id FROM campaigns WHERE id = %(id)s LIMIT 1;

-- name: sink_offsets
SELECT topic, partition::int AS partition, next FROM sink_offsets ORDER BY 1, 2;
