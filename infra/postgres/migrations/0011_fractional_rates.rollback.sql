-- The version before knows whole rates from 1 on: a slower carrier gets 1, a stopped one as well.
DROP TRIGGER carriers_rate ON carriers;
ALTER TABLE carriers DROP CONSTRAINT carriers_rate_check;
ALTER TABLE carriers ALTER COLUMN rate TYPE integer USING greatest(1, floor(rate))::integer;
ALTER TABLE carriers ADD CONSTRAINT carriers_rate_check CHECK (rate >= 1);
ALTER TABLE carrier_rates ALTER COLUMN rate TYPE integer USING greatest(1, ceil(rate))::integer;
CREATE TRIGGER carriers_rate AFTER INSERT OR UPDATE OF rate ON carriers
    FOR EACH ROW EXECUTE FUNCTION note_rate();
