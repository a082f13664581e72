UPDATE allowances a SET amount = a.amount - given.drawn
FROM unnest(%s::uuid[], %s::text[], %s::bigint[]) AS given (tenant, lease, drawn)
WHERE a.tenant = given.tenant AND a.lease = given.lease
