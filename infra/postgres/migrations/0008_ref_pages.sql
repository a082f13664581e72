-- What carriers' ids stand for, packed, as long as it is fresh: nearly all receipts come within seconds, and dispatch knows
-- their messages. Rows of `message_refs` are made from a page once it is due, for what still waits for its receipt then.

CREATE TABLE ref_pages (
    number bigint NOT NULL DEFAULT nextval(pg_get_serial_sequence('ref_blocks', 'number')),  -- its block's, later
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    send integer NOT NULL,
    carrier text NOT NULL,
    at bigint NOT NULL,
    due_at bigint NOT NULL,                  -- from when on what waits gets rows
    refs bytea NOT NULL                      -- schemas/records/ref_page.py
);
CREATE INDEX ref_pages_number ON ref_pages (number);
CREATE INDEX ref_pages_due ON ref_pages (due_at);
-- Written once, read seldom, deleted soon: neither compressed nor kept apart as long as a page of the table holds it.
ALTER TABLE ref_pages ALTER COLUMN refs SET STORAGE EXTERNAL;
ALTER TABLE ref_pages SET (toast_tuple_target = 8160);

DO $$
BEGIN
    ALTER TABLE ref_pages ENABLE ROW LEVEL SECURITY;
    ALTER TABLE ref_pages FORCE ROW LEVEL SECURITY;
    EXECUTE format('CREATE POLICY operator ON ref_pages TO %I USING (true) WITH CHECK (true)', current_user);
END $$;
