-- Who changed what; one statement a name.

-- name: list_audit
SELECT number, at, who, action, tenant::text, subject, detail FROM audit_rows(%(before)s, %(limit)s);
