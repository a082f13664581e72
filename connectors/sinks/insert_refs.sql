INSERT INTO carrier_refs SELECT * FROM staging_refs
