-- Who may call and what numbers cost; one statement a name.

-- name: known_keys
-- Every key in force with its tenant's permissions, balance and limit.
SELECT id, tenant::text, hash, lanes, senders, balance, reserved, request_rate, request_burst FROM accounts_in_force();

-- name: known_profiles
SELECT name, lane, share, validity_seconds, quiet_hours, retry, tenants FROM profiles_in_force();

-- name: known_stops
SELECT kind, name, since FROM stops ORDER BY since, kind, name;

-- name: known_routes
SELECT prefix, carriers, price FROM routes;
