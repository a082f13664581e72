-- Rates of carriers are fractions of a segment per second, and 0 where nothing may be started. Both tables are small.

DROP TRIGGER carriers_rate ON carriers;
-- squawk-ignore ban-drop-constraint
ALTER TABLE carriers DROP CONSTRAINT carriers_rate_check;
-- squawk-ignore changing-column-type
ALTER TABLE carriers ALTER COLUMN rate TYPE double precision;
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE carriers ADD CONSTRAINT carriers_rate_check CHECK (rate >= 0);
-- squawk-ignore changing-column-type
ALTER TABLE carrier_rates ALTER COLUMN rate TYPE double precision;
CREATE TRIGGER carriers_rate AFTER INSERT OR UPDATE OF rate ON carriers
    FOR EACH ROW EXECUTE FUNCTION note_rate();
