SELECT tenant::text FROM balances WHERE tenant = ANY (%s::uuid[]) ORDER BY tenant FOR UPDATE
