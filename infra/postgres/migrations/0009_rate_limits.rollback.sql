DROP FUNCTION accounts_in_force();
ALTER TABLE tenants DROP COLUMN request_rate, DROP COLUMN request_burst;
