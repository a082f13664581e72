ALTER TABLE campaign_parts DROP COLUMN price;
