-- Tenants share a carrier by weight; what waits is found by carrier, lane and tenant, the oldest of a tenant first.

ALTER TABLE tenants ADD COLUMN weight integer NOT NULL DEFAULT 1 CHECK (weight BETWEEN 1 AND 1000);

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX held_shares ON held (reason, carrier, lane, tenant, at, chunk) WHERE waiting > 0;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX held_room_order;
