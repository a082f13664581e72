DROP TRIGGER carriers_binds ON carriers;
DROP FUNCTION note_binds();
ALTER TABLE carriers DROP COLUMN binds_turned;
ALTER TABLE carriers DROP COLUMN one_process;
