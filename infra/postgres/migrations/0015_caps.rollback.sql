-- The version before knows no caps: what waits for one goes when it is due.
UPDATE held SET reason = 'scheduled' WHERE reason = 'cap' AND campaign IS NULL;
UPDATE held SET reason = 'closed_hours' WHERE reason = 'cap';
DROP INDEX held_due;
CREATE INDEX held_due ON held (not_before) WHERE waiting > 0 AND reason IN ('scheduled', 'closed_hours', 'carrier_transient');
DROP TABLE tenant_usage;
ALTER TABLE tenants DROP COLUMN caps_changed_at, DROP COLUMN caps;
