-- What carriers' ids stand for, narrow: what the messages of a block share stands once, in `ref_blocks`. `carrier_refs` keeps
-- what was written before and is still looked at; it goes with a later migration, when its rows are older than any receipt.

CREATE TABLE ref_blocks (
    number bigint NOT NULL GENERATED ALWAYS AS IDENTITY,      -- grows: the newest of an id used again has the largest
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    send integer NOT NULL,
    carrier text NOT NULL,
    at bigint NOT NULL
);
CREATE INDEX ref_blocks_number ON ref_blocks (number);
CREATE INDEX ref_blocks_at ON ref_blocks USING brin (at);

CREATE TABLE message_refs (
    key bigint NOT NULL,                     -- of the id in its normal form: schemas/values/carrier_ids.py
    to_hash bigint NOT NULL,
    block bigint NOT NULL,                   -- ref_blocks.number
    position smallint NOT NULL,
    segments smallint NOT NULL
);
CREATE INDEX message_refs_key ON message_refs (key);

-- Rows parked before this migration have none; what they wait for stands in carrier_refs.
ALTER TABLE parked_receipts ADD COLUMN key bigint;

DO $$
BEGIN
    ALTER TABLE ref_blocks ENABLE ROW LEVEL SECURITY;
    ALTER TABLE ref_blocks FORCE ROW LEVEL SECURITY;
    EXECUTE format('CREATE POLICY operator ON ref_blocks TO %I USING (true) WITH CHECK (true)', current_user);
END $$;
