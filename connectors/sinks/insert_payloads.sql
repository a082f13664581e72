INSERT INTO chunk_payloads SELECT * FROM staging_payloads ON CONFLICT (tenant, chunk) DO NOTHING
