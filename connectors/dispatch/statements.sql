-- What dispatch asks of PostgreSQL; one statement a name.

-- name: attempt_chunks
-- Positions of these sends that PostgreSQL shows as started: settled or not, this process has not started them.
SELECT w.chunk, w.send, a.started
FROM unnest(%s::uuid[], %s::text[], %s::integer[]) AS w (tenant, chunk, send)
JOIN attempt_chunks a USING (tenant, chunk, send);

-- name: insert_audit
INSERT INTO audit (who, at, action, subject, detail)
SELECT %s, given.* FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::jsonb[]) AS given;

-- name: hand_over
-- This pool has nothing of the carrier's marketing left: the other one carries it, unless `binds` has changed once more.
UPDATE carriers SET one_process = NOT one_process
WHERE id = %(id)s AND binds_turned = %(turned)s AND one_process <> (binds = 1);
