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
