-- How many requests a tenant may make; null: as many as it likes.

ALTER TABLE tenants ADD COLUMN request_rate double precision;          -- a second
ALTER TABLE tenants ADD COLUMN request_burst integer;                  -- at once

CREATE FUNCTION accounts_in_force() RETURNS TABLE (id text, tenant uuid, hash bytea, lanes text[], senders text[],
                                                   balance bigint, reserved bigint, request_rate double precision,
                                                   request_burst integer)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ SELECT k.id, k.tenant, k.hash, t.lanes, t.senders, b.balance, b.reserved, t.request_rate, t.request_burst
          FROM public.api_keys k JOIN public.tenants t ON t.id = k.tenant JOIN public.balances b ON b.tenant = t.id
          WHERE k.revoked_at IS NULL $$;
REVOKE ALL ON FUNCTION accounts_in_force() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION accounts_in_force() TO sluice_app;
