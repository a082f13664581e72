-- Emergency stops; one statement a name.

-- name: list_stops
SELECT kind, name, since FROM stops ORDER BY since, kind, name;

-- name: set_stop
INSERT INTO stops (kind, name, since) VALUES (%(kind)s, %(name)s, %(at)s) ON CONFLICT DO NOTHING;

-- name: lift_stop
DELETE FROM stops WHERE kind = %(kind)s AND name = %(name)s;

-- name: stop_target
-- Whether a carrier has this id, and a tenant.
SELECT EXISTS (SELECT FROM carriers WHERE id = %(name)s), tenant_exists(%(name)s);
