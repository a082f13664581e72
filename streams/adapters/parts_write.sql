-- Segments whose receipts have come.
INSERT INTO receipt_parts (tenant, chunk, send, position, id, state)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::smallint[], %s::text[], %s::text[])
ON CONFLICT (tenant, chunk, send, position, id) DO UPDATE SET state = EXCLUDED.state
