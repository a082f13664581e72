-- Rows that wait for a credit and whose cheapest message can be paid now; intake keeps waiting what cannot.
h.reason = 'balance' AND h.expires_at > %(now)s
AND h.cheapest <= (SELECT b.balance - b.reserved FROM balances b WHERE b.tenant = h.tenant)
AND (h.campaign IS NULL OR (c.status = 'running' AND c.published = c.version))
