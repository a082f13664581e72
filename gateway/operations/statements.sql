-- Whether PostgreSQL answers; one statement a name.

-- name: ping
SELECT 1;
