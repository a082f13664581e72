-- What each account can still reserve; locked first, in the order that everybody keeps (balances, then reservations).
SELECT b.tenant::text, b.balance - b.reserved
FROM balances b
WHERE b.tenant = ANY(%s::uuid[])
ORDER BY b.tenant
FOR UPDATE
