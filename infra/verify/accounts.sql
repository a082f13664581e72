SELECT b.tenant::text, b.reserved, b.charged,
       coalesce(r.amount, 0) + coalesce(a.amount, 0), coalesce(r.charged, 0)
FROM balances b
LEFT JOIN (SELECT tenant, sum(amount)::bigint AS amount, sum(charged_amount)::bigint AS charged
           FROM reservations GROUP BY tenant) r ON r.tenant = b.tenant
LEFT JOIN (SELECT tenant, sum(amount)::bigint AS amount FROM allowances GROUP BY tenant) a ON a.tenant = b.tenant
