CREATE INDEX held_room_order ON held (reason, carrier, lane, at, chunk) WHERE waiting > 0;
DROP INDEX held_shares;
ALTER TABLE tenants DROP COLUMN weight;
