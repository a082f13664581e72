-- Routes, tenants, keys and credits leave their rows in the audit, too: what was there before and after, without secrets.

CREATE FUNCTION audit_credit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO public.audit (action, tenant, subject, detail)
    VALUES ('balance.credit', NEW.tenant, NEW.tenant::text,
            jsonb_build_object('amount', NEW.credited - OLD.credited, 'balance', NEW.balance));
    RETURN NULL;
END $$;

CREATE TRIGGER routes_audit AFTER INSERT OR UPDATE OR DELETE ON routes
    FOR EACH ROW EXECUTE FUNCTION audit_settings('route', 'prefix', '');
CREATE TRIGGER tenants_audit AFTER INSERT OR UPDATE OR DELETE ON tenants
    FOR EACH ROW EXECUTE FUNCTION audit_settings('tenant', 'name', 'id');
CREATE TRIGGER api_keys_audit AFTER INSERT OR UPDATE OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION audit_settings('key', 'id', 'tenant');
-- Reservations and charges do not name this column, so they cost nothing.
CREATE TRIGGER balances_audit AFTER UPDATE OF credited ON balances
    FOR EACH ROW WHEN (OLD.credited IS DISTINCT FROM NEW.credited) EXECUTE FUNCTION audit_credit();
