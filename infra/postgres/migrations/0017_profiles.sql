-- Campaign profiles, and how a tenant's messages are tried again. A profile belongs to the installation; what it leaves null
-- the tenant's settings say, then the installation's own.

ALTER TABLE tenants ADD COLUMN retry jsonb NOT NULL DEFAULT '{}';      -- a RetryStrategy: what it says of it
ALTER TABLE campaigns ADD COLUMN profile text;
ALTER TABLE held ADD COLUMN profile text NOT NULL DEFAULT '';          -- of what waits for its profile's share

CREATE TABLE profiles (
    name text PRIMARY KEY,
    lane text,                               -- of campaigns and messages that name none
    share double precision,                  -- of a carrier's rate, all together
    validity_seconds integer,                -- where the request says nothing
    quiet_hours jsonb NOT NULL DEFAULT '[]', -- Windows, kept beside the tenant's
    retry jsonb NOT NULL DEFAULT '{}',       -- as in tenants
    tenants text[]                           -- who may use it, by name or id; null: everybody
);
CREATE TRIGGER profiles_bump AFTER INSERT OR UPDATE OR DELETE ON profiles EXECUTE FUNCTION bump_config();
CREATE TRIGGER profiles_audit AFTER INSERT OR UPDATE OR DELETE ON profiles
    FOR EACH ROW EXECUTE FUNCTION audit_settings('profile', 'name', '');

-- For every role, tenants by id: the gateway sees no tenant but that of its caller.
CREATE FUNCTION profiles_in_force() RETURNS TABLE (name text, lane text, share double precision, validity_seconds integer,
                                                   quiet_hours jsonb, retry jsonb, tenants text[])
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ SELECT p.name, p.lane, p.share, p.validity_seconds, p.quiet_hours, p.retry,
                 CASE WHEN p.tenants IS NOT NULL THEN
                     ARRAY(SELECT t.id::text FROM public.tenants t
                           WHERE t.name = ANY (p.tenants) OR t.id::text = ANY (p.tenants) ORDER BY 1) END
          FROM public.profiles p ORDER BY p.name $$;
REVOKE ALL ON FUNCTION profiles_in_force() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION profiles_in_force() TO sluice_app;

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX held_share ON held (tenant, campaign) WHERE waiting > 0 AND reason = 'share';
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX held_shares;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX held_shares ON held (reason, carrier, lane, tenant, profile, at, chunk) WHERE waiting > 0;
