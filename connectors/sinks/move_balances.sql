-- Never below zero: money that is missing here shows in `sluice verify`, and must not stop the others' accounts.
UPDATE balances b
SET balance = b.balance - given.charge, charged = b.charged + given.charge,
    reserved = GREATEST(b.reserved - given.freed, 0)
FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[]) AS given (tenant, charge, freed)
WHERE b.tenant = given.tenant
