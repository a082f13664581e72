-- The accounts carry what was reserved.
UPDATE balances b SET reserved = b.reserved + moved.amount
FROM unnest(%s::uuid[], %s::bigint[]) AS moved (tenant, amount)
WHERE b.tenant = moved.tenant
