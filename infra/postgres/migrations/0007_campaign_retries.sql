-- What was asked to be sent again, of campaigns: worked off chunk by chunk by the releasers.

CREATE TABLE campaign_retries (
    tenant uuid NOT NULL,
    campaign text NOT NULL,
    number integer NOT NULL,                 -- of the campaign's retries
    scope text NOT NULL CHECK (scope IN ('failed', 'expired', 'unsent', 'uncertain')),
    at bigint NOT NULL,
    after text COLLATE "C" NOT NULL DEFAULT '',   -- the last chunk that is done with
    plan jsonb,                              -- what is being produced: chunk, send number, positions; null: nothing
    done boolean NOT NULL DEFAULT false,
    messages bigint NOT NULL DEFAULT 0,      -- that go again
    lease_until bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, campaign, number),
    FOREIGN KEY (tenant, campaign) REFERENCES campaigns (tenant, id)
);
CREATE INDEX campaign_retries_open ON campaign_retries (at) WHERE NOT done;

DO $$
BEGIN
    ALTER TABLE campaign_retries ENABLE ROW LEVEL SECURITY;
    ALTER TABLE campaign_retries FORCE ROW LEVEL SECURITY;
    EXECUTE format('CREATE POLICY operator ON campaign_retries TO %I USING (true) WITH CHECK (true)', current_user);
END $$;
CREATE POLICY tenant ON campaign_retries TO sluice_app USING (tenant = app_tenant()) WITH CHECK (tenant = app_tenant());
GRANT SELECT, INSERT ON campaign_retries TO sluice_app;
CREATE TRIGGER campaign_retries_told AFTER INSERT ON campaign_retries EXECUTE FUNCTION tell_releaser();
