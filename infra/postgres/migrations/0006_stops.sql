-- Emergency stops: what an operator has brought to a halt. Every role reads them with the rest of the configuration.

CREATE TABLE stops (
    kind text NOT NULL CHECK (kind IN ('all', 'tenant', 'sender', 'carrier')),
    name text NOT NULL,                      -- a tenant's id, a sender, a carrier's id; '' for all
    since bigint NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE TRIGGER stops_bump AFTER INSERT OR UPDATE OR DELETE ON stops EXECUTE FUNCTION bump_config();
CREATE TRIGGER stops_told AFTER DELETE ON stops EXECUTE FUNCTION tell_releaser();
GRANT SELECT, INSERT, DELETE ON stops TO sluice_app;

-- The gateway sees no tenant but that of its caller; an operator names others.
CREATE FUNCTION tenant_exists(which text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ SELECT EXISTS (SELECT FROM public.tenants WHERE id::text = which) $$;
REVOKE ALL ON FUNCTION tenant_exists(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tenant_exists(text) TO sluice_app;
