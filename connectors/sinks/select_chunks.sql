SELECT tenant::text, chunk, sequences, reasons, seconds, carriers, segments, price, codes, updated_at
FROM chunks JOIN unnest(%s::uuid[], %s::text[]) AS wanted (tenant, chunk) USING (tenant, chunk)
