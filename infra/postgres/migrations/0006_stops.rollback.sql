DROP FUNCTION tenant_exists(text);
DROP TABLE stops;
