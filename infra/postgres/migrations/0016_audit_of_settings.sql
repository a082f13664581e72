-- Routes, tenants, keys and credits leave their rows in the audit, too: what was there before and after, without secrets.

-- `TG_ARGV`: what the actions are called by, the column that names the row.
CREATE FUNCTION audit_settings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) - 'hash' - 'caps_changed_at' END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) - 'hash' - 'caps_changed_at' END;
    changes jsonb;
BEGIN
    SELECT COALESCE(jsonb_object_agg(k, jsonb_build_array(before -> k, after -> k)), '{}') INTO changes
    FROM (SELECT jsonb_object_keys(before) AS k UNION SELECT jsonb_object_keys(after)) AS keys
    WHERE before -> k IS DISTINCT FROM after -> k;
    IF changes <> '{}' THEN
        INSERT INTO public.audit (action, tenant, subject, detail)
        VALUES (TG_ARGV[0] || CASE TG_OP WHEN 'INSERT' THEN '.add' WHEN 'DELETE' THEN '.remove' ELSE '.set' END,
                CASE TG_ARGV[0] WHEN 'tenant' THEN COALESCE(after ->> 'id', before ->> 'id')
                                WHEN 'key' THEN COALESCE(after ->> 'tenant', before ->> 'tenant') END::uuid,
                COALESCE(after ->> TG_ARGV[1], before ->> TG_ARGV[1]), changes);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION audit_credit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO public.audit (action, tenant, subject, detail)
    VALUES ('balance.credit', NEW.tenant, NEW.tenant::text,
            jsonb_build_object('amount', NEW.credited - OLD.credited, 'balance', NEW.balance));
    RETURN NULL;
END $$;

CREATE TRIGGER routes_audit AFTER INSERT OR UPDATE OR DELETE ON routes
    FOR EACH ROW EXECUTE FUNCTION audit_settings('route', 'prefix');
CREATE TRIGGER tenants_audit AFTER INSERT OR UPDATE OR DELETE ON tenants
    FOR EACH ROW EXECUTE FUNCTION audit_settings('tenant', 'name');
CREATE TRIGGER api_keys_audit AFTER INSERT OR UPDATE OR DELETE ON api_keys
    FOR EACH ROW EXECUTE FUNCTION audit_settings('key', 'id');
-- Reservations and charges do not name this column, so they cost nothing.
CREATE TRIGGER balances_audit AFTER UPDATE OF credited ON balances
    FOR EACH ROW WHEN (OLD.credited IS DISTINCT FROM NEW.credited) EXECUTE FUNCTION audit_credit();
