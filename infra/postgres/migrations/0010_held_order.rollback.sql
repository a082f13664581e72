CREATE INDEX held_waiting ON held (reason, carrier, lane, not_before, chunk) WHERE waiting > 0;
CREATE INDEX held_campaign ON held (tenant, campaign) WHERE waiting > 0;
DROP INDEX held_room_order, held_campaign_order;
