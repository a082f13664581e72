-- What operators and senders control: single messages that are canceled, whether the releasers let anything go, and who did what.

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
                  AND held.reason IN ('scheduled', 'closed_hours', 'carrier_transient', 'cap')) $$;
CREATE FUNCTION leased_rows(at bigint) RETURNS TABLE (lease text, leased bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ SELECT held.lease, count(*) FROM public.held WHERE held.waiting > 0 AND held.lease_until > leased_rows.at
          GROUP BY held.lease $$;
REVOKE ALL ON FUNCTION waiting_rows(bigint), leased_rows(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION waiting_rows(bigint), leased_rows(bigint) TO sluice_app;

-- Who changed what: written by triggers, in the transaction of the change, whatever way it came. Never changed, never shown to
-- tenants.
CREATE TABLE audit (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    who text NOT NULL DEFAULT CASE current_setting('application_name', true)
        WHEN 'sluice-app' THEN 'api' WHEN 'sluice-admin' THEN 'command_line'
        ELSE COALESCE(NULLIF(current_setting('application_name', true), ''), session_user) END,
    action text NOT NULL,
    tenant uuid,
    subject text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);

CREATE FUNCTION audit_campaign() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    IF NEW.status <> OLD.status THEN
        INSERT INTO public.audit (action, tenant, subject, detail)
        VALUES ('campaign.' || CASE NEW.status WHEN 'paused' THEN 'pause' WHEN 'canceled' THEN 'cancel'
                    ELSE CASE OLD.status WHEN 'paused' THEN 'resume' ELSE 'start' END END,
                NEW.tenant, NEW.id, jsonb_build_object('from', OLD.status));
    ELSIF (NEW.start_at, NEW.hours) IS DISTINCT FROM (OLD.start_at, OLD.hours) THEN
        INSERT INTO public.audit (action, tenant, subject, detail)
        VALUES ('campaign.reschedule', NEW.tenant, NEW.id, jsonb_build_object('start_at', NEW.start_at, 'hours', NEW.hours));
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION audit_retry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO public.audit (action, tenant, subject, detail)
    VALUES ('campaign.retry', NEW.tenant, NEW.campaign, jsonb_build_object('scope', NEW.scope));
    RETURN NULL;
END $$;
CREATE FUNCTION audit_message() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO public.audit (action, tenant, subject, detail)
    VALUES ('message.cancel', NEW.tenant, NEW.chunk, jsonb_build_object('place', NEW.places[cardinality(NEW.places)]));
    RETURN NULL;
END $$;
CREATE FUNCTION audit_stop() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    stop record := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    INSERT INTO public.audit (action, subject)
    VALUES (CASE TG_OP WHEN 'DELETE' THEN 'stop.lift' ELSE 'stop.set' END, rtrim(stop.kind || ' ' || stop.name));
    RETURN NULL;
END $$;
CREATE FUNCTION audit_scheduler() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO public.audit (action, subject)
    VALUES (CASE WHEN NEW.enabled THEN 'scheduler.start' ELSE 'scheduler.stop' END, 'all');
    RETURN NULL;
END $$;
-- What a row of the operators' settings says before and after; a secret only as that it is another one. `TG_ARGV`: what the
-- actions are called by, the column that names the row, the one that names its tenant, if any.
CREATE FUNCTION audit_settings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    unsaid text[] := '{secret,secret_key_id,hash,caps_changed_at}';
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}' ELSE to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE to_jsonb(NEW) END;
    changes jsonb;
BEGIN
    SELECT COALESCE(jsonb_object_agg(k, jsonb_build_array(before -> k, after -> k)), '{}') INTO changes
    FROM (SELECT jsonb_object_keys(before - unsaid) AS k UNION SELECT jsonb_object_keys(after - unsaid)) AS keys
    WHERE before -> k IS DISTINCT FROM after -> k;
    IF TG_OP = 'UPDATE' AND before -> 'secret' IS DISTINCT FROM after -> 'secret' THEN
        changes := changes || '{"secret": "another"}';
    END IF;
    IF changes <> '{}' THEN
        INSERT INTO public.audit (action, tenant, subject, detail)
        VALUES (TG_ARGV[0] || CASE TG_OP WHEN 'INSERT' THEN '.add' WHEN 'DELETE' THEN '.remove' ELSE '.set' END,
                COALESCE(after ->> TG_ARGV[2], before ->> TG_ARGV[2])::uuid,
                COALESCE(after ->> TG_ARGV[1], before ->> TG_ARGV[1]), changes);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER campaigns_audit AFTER UPDATE OF status, start_at, hours ON campaigns
    FOR EACH ROW EXECUTE FUNCTION audit_campaign();
CREATE TRIGGER campaign_retries_audit AFTER INSERT ON campaign_retries FOR EACH ROW EXECUTE FUNCTION audit_retry();
CREATE TRIGGER canceled_messages_audit AFTER INSERT OR UPDATE OF places ON canceled_messages
    FOR EACH ROW EXECUTE FUNCTION audit_message();
CREATE TRIGGER stops_audit AFTER INSERT OR DELETE ON stops FOR EACH ROW EXECUTE FUNCTION audit_stop();
CREATE TRIGGER scheduler_audit AFTER INSERT OR UPDATE ON scheduler FOR EACH ROW EXECUTE FUNCTION audit_scheduler();
CREATE TRIGGER carriers_audit AFTER INSERT OR UPDATE OR DELETE ON carriers
    FOR EACH ROW EXECUTE FUNCTION audit_settings('carrier', 'id', '');

CREATE FUNCTION audit_rows(before bigint, most integer) RETURNS SETOF audit
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public
    AS $$ SELECT * FROM public.audit WHERE audit_rows.before IS NULL OR number < audit_rows.before
          ORDER BY number DESC LIMIT audit_rows.most $$;
REVOKE ALL ON FUNCTION audit_rows(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_rows(bigint, integer) TO sluice_app;
