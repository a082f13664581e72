-- What has changed is looked at anew: no lease.
INSERT INTO awaited_receipts (tenant, chunk, carrier, since)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::smallint[], %s::integer[])
ON CONFLICT (tenant, chunk, carrier) DO UPDATE SET since = EXCLUDED.since, lease_until = 0
