-- What the messages of a part cost by the routes of its time, in ten-thousandths: so that the parts of an open campaign stay
-- within its max_price together. Open campaigns from before this have no limit, so their parts may count as nothing.

ALTER TABLE campaign_parts ADD COLUMN price bigint NOT NULL DEFAULT 0;
