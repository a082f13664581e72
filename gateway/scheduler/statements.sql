-- The releasers; one statement a name.

-- name: leased
SELECT lease, leased FROM leased_rows(%(at)s);

-- name: set_state
INSERT INTO scheduler (enabled, since) VALUES (%(enabled)s, %(at)s)
ON CONFLICT (id) DO UPDATE SET enabled = EXCLUDED.enabled, since = EXCLUDED.since WHERE scheduler.enabled <> EXCLUDED.enabled;

-- name: state
SELECT w.waiting, w.due, s.enabled, s.since FROM waiting_rows(%(at)s) w LEFT JOIN scheduler s ON true;
