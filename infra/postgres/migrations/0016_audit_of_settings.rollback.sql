DROP TRIGGER balances_audit ON balances;
DROP TRIGGER api_keys_audit ON api_keys;
DROP TRIGGER tenants_audit ON tenants;
DROP TRIGGER routes_audit ON routes;
DROP FUNCTION audit_credit();
