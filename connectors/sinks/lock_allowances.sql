SELECT a.tenant::text, a.lease, a.amount
FROM allowances a JOIN unnest(%s::uuid[], %s::text[]) AS wanted (tenant, lease) USING (tenant, lease)
ORDER BY a.tenant, a.lease
FOR UPDATE OF a
