-- What waits is taken oldest first: in the order of an index, so that a claim reads the rows that it takes and no others.

-- squawk-ignore require-concurrent-index-creation
CREATE INDEX held_room_order ON held (reason, carrier, lane, at, chunk) WHERE waiting > 0;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX held_campaign_order ON held (tenant, campaign, at, chunk) WHERE waiting > 0;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX held_waiting, held_campaign;
