-- How much tenants may send in a day and in a month, and how much they have sent. What is above a cap waits for its moment as
-- whatever waits for a time does.
ALTER TABLE tenants ADD COLUMN caps jsonb NOT NULL DEFAULT '{}', ADD COLUMN caps_changed_at bigint NOT NULL DEFAULT 0;

CREATE TABLE tenant_usage (
    tenant uuid NOT NULL REFERENCES tenants,
    period text NOT NULL,                    -- a day, 2026-11-28, or a month, 2026-11, of UTC
    messages bigint NOT NULL DEFAULT 0,
    spent bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, period)
);
ALTER TABLE tenant_usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_usage FORCE ROW LEVEL SECURITY;
DO $$ BEGIN
    EXECUTE format('CREATE POLICY operator ON tenant_usage TO %I USING (true) WITH CHECK (true)', current_user);
END $$;
CREATE POLICY tenant ON tenant_usage TO sluice_app USING (tenant = app_tenant());
GRANT SELECT ON tenant_usage TO sluice_app;

-- squawk-ignore require-concurrent-index-deletion
DROP INDEX held_due;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX held_due ON held (not_before)
    WHERE waiting > 0 AND reason IN ('scheduled', 'closed_hours', 'carrier_transient', 'cap');
