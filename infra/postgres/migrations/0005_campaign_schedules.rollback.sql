DROP INDEX campaigns_due, held_due;
ALTER TABLE tenants DROP COLUMN quiet_hours;
ALTER TABLE campaigns DROP COLUMN start_at, DROP COLUMN hours, DROP COLUMN hours_changed_at;
UPDATE campaigns SET status = 'running', version = version + 1 WHERE status = 'paused';
ALTER TABLE campaigns DROP CONSTRAINT campaigns_status_check;
ALTER TABLE campaigns ADD CONSTRAINT campaigns_status_check CHECK (status IN ('draft', 'running', 'canceled'));
