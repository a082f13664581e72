-- What operators and senders control: single messages that are canceled, and whether the releasers let anything go.

-- Messages that were canceled by themselves: one row a chunk, told to every role by `campaign-commands` like a campaign's state.

CREATE TABLE canceled_messages (
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    lane text NOT NULL,
    places smallint[] NOT NULL,              -- positions in the chunk
    version bigint NOT NULL DEFAULT 1,
    published bigint NOT NULL DEFAULT 0,     -- newest version that campaign-commands has acknowledged
    open boolean NOT NULL DEFAULT true,      -- some of them are not over yet
    at bigint NOT NULL,                      -- of the last change
    PRIMARY KEY (tenant, chunk)
);
CREATE INDEX canceled_messages_unpublished ON canceled_messages (chunk) WHERE published < version;
CREATE INDEX canceled_messages_open ON canceled_messages (at) WHERE open;
CREATE INDEX canceled_messages_over ON canceled_messages (at) WHERE NOT open;

DO $$
BEGIN
    ALTER TABLE canceled_messages ENABLE ROW LEVEL SECURITY;
    ALTER TABLE canceled_messages FORCE ROW LEVEL SECURITY;
    EXECUTE format('CREATE POLICY operator ON canceled_messages TO %I USING (true) WITH CHECK (true)', current_user);
END $$;
CREATE POLICY tenant ON canceled_messages TO sluice_app USING (tenant = app_tenant()) WITH CHECK (tenant = app_tenant());
GRANT SELECT, INSERT, UPDATE ON canceled_messages TO sluice_app;
CREATE TRIGGER canceled_messages_told AFTER INSERT OR UPDATE ON canceled_messages EXECUTE FUNCTION tell_releaser();

-- Whether releasers let anything go: read with the rest of the configuration. No row: each does as its settings say.
CREATE TABLE scheduler (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    enabled boolean NOT NULL,
    since bigint NOT NULL
);
CREATE TRIGGER scheduler_bump AFTER INSERT OR UPDATE OR DELETE ON scheduler EXECUTE FUNCTION bump_config();
CREATE TRIGGER scheduler_told AFTER INSERT OR UPDATE ON scheduler EXECUTE FUNCTION tell_releaser();
GRANT SELECT, INSERT, UPDATE ON scheduler TO sluice_app;

-- The gateway sees no rows but those of its caller; an operator asks of all: what waits, what of it is due, what is leased to whom.
CREATE FUNCTION waiting_rows(at bigint) RETURNS TABLE (waiting bigint, due bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ SELECT (SELECT count(*) FROM public.held WHERE held.waiting > 0),
                 (SELECT count(*) FROM public.held WHERE held.waiting > 0 AND held.not_before <= waiting_rows.at
                  AND held.reason IN ('scheduled', 'closed_hours', 'carrier_transient')) $$;
CREATE FUNCTION leased_rows(at bigint) RETURNS TABLE (lease text, leased bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ SELECT held.lease, count(*) FROM public.held WHERE held.waiting > 0 AND held.lease_until > leased_rows.at
          GROUP BY held.lease $$;
REVOKE ALL ON FUNCTION waiting_rows(bigint), leased_rows(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION waiting_rows(bigint), leased_rows(bigint) TO sluice_app;
