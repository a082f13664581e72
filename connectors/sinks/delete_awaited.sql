DELETE FROM awaited_receipts w
USING unnest(%s::uuid[], %s::text[], %s::smallint[]) AS gone (tenant, chunk, carrier)
WHERE w.tenant = gone.tenant AND w.chunk = gone.chunk AND w.carrier = gone.carrier
