INSERT INTO chunks SELECT * FROM staging_chunks
ON CONFLICT (tenant, chunk) DO UPDATE
SET sequences = EXCLUDED.sequences, reasons = EXCLUDED.reasons, seconds = EXCLUDED.seconds,
    carriers = EXCLUDED.carriers, segments = EXCLUDED.segments, price = EXCLUDED.price, codes = EXCLUDED.codes,
    updated_at = EXCLUDED.updated_at
