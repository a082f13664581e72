-- What roles ask of their configuration, and how; one statement a name.

-- name: by_index
-- In this transaction rows are found by index alone. Until a table that has just filled was analyzed, the planner takes a
-- carrier's id for one of two hundred and reads all of `ref_blocks` for each receipt (230 ms for 500 receipts instead of 2).
SELECT set_config(name, 'off', true) FROM unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin}'::text[]) AS name;

-- name: config_carriers
SELECT id, number, kind, rate, window_size, binds, receipt_wait_seconds, one_receipt_for_all_parts, partition,
       one_process, binds_turned, sender_rate, sender_rates, network_rates, settings, secret_key_id, secret
FROM carriers ORDER BY number;

-- name: config_profiles
SELECT name, lane, share, validity_seconds, quiet_hours, retry, tenants FROM profiles_in_force();

-- name: config_routes
SELECT prefix, carriers, price, weights FROM routes ORDER BY length(prefix) DESC, prefix;

-- name: config_scheduler
SELECT enabled FROM scheduler;

-- name: config_stops
SELECT kind, name FROM stops;

-- name: config_tenants
SELECT id::text, name, lanes, senders, balance_short, charge_uncertain, quiet_hours, caps, weight, retry
FROM tenants ORDER BY id;

-- name: config_version
SELECT version FROM config_version;

-- name: leased_rows
SELECT lease, leased FROM leased_rows(%(at)s);

-- name: profiles
SELECT name, lane, share, validity_seconds, quiet_hours, retry, tenants FROM profiles ORDER BY name;

-- name: profile_add
INSERT INTO profiles (name, lane, share, validity_seconds, quiet_hours, retry, tenants)
VALUES (%(name)s, %(lane)s, %(share)s, %(validity_seconds)s, %(quiet_hours)s, %(retry)s, %(tenants)s) ON CONFLICT DO NOTHING;

-- name: profile_set
-- When its hours change, campaigns under it that wait for hours are looked at again as soon as every role knows the new ones.
WITH looked_at AS (
    UPDATE campaigns SET hours_changed_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 3000
    WHERE profile = %(name)s AND status IN ('running', 'paused')
      AND (SELECT p.quiet_hours FROM profiles p WHERE p.name = %(name)s) IS DISTINCT FROM %(quiet_hours)s
)
INSERT INTO profiles (name, lane, share, validity_seconds, quiet_hours, retry, tenants)
VALUES (%(name)s, %(lane)s, %(share)s, %(validity_seconds)s, %(quiet_hours)s, %(retry)s, %(tenants)s)
ON CONFLICT (name) DO UPDATE SET lane = excluded.lane, share = excluded.share, validity_seconds = excluded.validity_seconds,
    quiet_hours = excluded.quiet_hours, retry = excluded.retry, tenants = excluded.tenants;

-- name: profile_remove
WITH looked_at AS (
    UPDATE campaigns SET hours_changed_at = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + 3000
    WHERE profile = %(name)s AND status IN ('running', 'paused')
)
DELETE FROM profiles WHERE name = %(name)s;

-- name: scheduler
SELECT enabled, since FROM scheduler;

-- name: scheduler_set
INSERT INTO scheduler (enabled, since) VALUES (%(enabled)s, %(at)s)
ON CONFLICT (id) DO UPDATE SET enabled = EXCLUDED.enabled, since = EXCLUDED.since WHERE scheduler.enabled <> EXCLUDED.enabled;

-- name: stops
SELECT s.kind, s.name, t.name AS tenant, to_timestamp(s.since / 1000.0) AS since
FROM stops s LEFT JOIN tenants t ON s.kind = 'tenant' AND t.id::text = s.name ORDER BY s.since, s.kind, s.name;

-- name: stop_carrier
SELECT id FROM carriers WHERE id = %(name)s;

-- name: stop_set
INSERT INTO stops (kind, name, since) VALUES (%(kind)s, %(name)s, %(at)s) ON CONFLICT DO NOTHING;

-- name: stop_lift
DELETE FROM stops WHERE kind = %(kind)s AND name = %(name)s;

-- name: routes
SELECT prefix, carriers, price, strategy, costs, weights FROM routes ORDER BY length(prefix) DESC, prefix;

-- name: route_add
INSERT INTO routes (prefix, carriers, price, strategy, costs, weights)
VALUES (%(prefix)s, %(carriers)s, %(price)s, %(strategy)s, %(costs)s, %(weights)s) ON CONFLICT DO NOTHING;

-- name: route_set
INSERT INTO routes (prefix, carriers, price, strategy, costs, weights)
VALUES (%(prefix)s, %(carriers)s, %(price)s, %(strategy)s, %(costs)s, %(weights)s)
ON CONFLICT (prefix) DO UPDATE SET carriers = excluded.carriers, price = excluded.price, strategy = excluded.strategy,
    costs = excluded.costs, weights = excluded.weights;

-- name: unknown_carriers
SELECT id FROM unnest(%(carriers)s::text[]) AS wanted (id) WHERE id NOT IN (SELECT id FROM carriers) ORDER BY id;

-- name: unknown_tenants
SELECT which FROM unnest(%(tenants)s::text[]) AS wanted (which)
WHERE NOT EXISTS (SELECT FROM tenants t WHERE t.name = which OR t.id::text = which) ORDER BY which;

-- name: waiting_rows
SELECT waiting, due FROM waiting_rows(%(at)s);
