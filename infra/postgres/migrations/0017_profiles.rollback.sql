-- The version before knows no shares: what waits for one waits for room.
UPDATE held SET reason = 'room' WHERE reason = 'share';
DROP INDEX held_share, held_shares;
CREATE INDEX held_shares ON held (reason, carrier, lane, tenant, at, chunk) WHERE waiting > 0;
DROP FUNCTION profiles_in_force();
DROP TABLE profiles;
ALTER TABLE held DROP COLUMN profile;
ALTER TABLE campaigns DROP COLUMN profile;
ALTER TABLE tenants DROP COLUMN retry;
