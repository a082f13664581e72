-- Give back what is left of allowances that nobody draws on any more.
WITH ended AS (
    DELETE FROM allowances WHERE expires_at < %(now)s RETURNING tenant, amount
)
UPDATE balances b SET reserved = b.reserved - e.amount
FROM (SELECT tenant, sum(amount)::bigint AS amount FROM ended GROUP BY tenant) e
WHERE b.tenant = e.tenant
