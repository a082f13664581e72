-- A carrier with one bind: the process of the pool otp carries all its lanes. `one_process`: by whom marketing goes now; it
-- follows `binds = 1` once the pool that gives marketing up has nothing of it left (decision 36). `binds_turned` counts how
-- often that wish has changed, so that nobody answers an earlier one.

ALTER TABLE carriers ADD COLUMN one_process boolean NOT NULL DEFAULT false;
ALTER TABLE carriers ADD COLUMN binds_turned integer NOT NULL DEFAULT 0;
GRANT SELECT (one_process) ON carriers TO sluice_app;

CREATE FUNCTION note_binds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.one_process := NEW.binds = 1; -- nothing of it can be anywhere
    ELSIF (NEW.binds = 1) <> (OLD.binds = 1) THEN
        NEW.binds_turned := OLD.binds_turned + 1;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER carriers_binds BEFORE INSERT OR UPDATE OF binds ON carriers FOR EACH ROW EXECUTE FUNCTION note_binds();
