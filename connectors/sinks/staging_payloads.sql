CREATE TEMP TABLE IF NOT EXISTS staging_payloads (LIKE public.chunk_payloads) ON COMMIT DELETE ROWS
