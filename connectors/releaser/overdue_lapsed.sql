-- Leases that have ended free their rows: their releaser died, or the sink has not read what was told.
UPDATE awaited_receipts a SET lease_until = 0
FROM (SELECT w.tenant, w.chunk, w.carrier FROM awaited_receipts w
      WHERE w.lease_until > 0 AND w.lease_until < %(now)s
      ORDER BY w.lease_until
      LIMIT %(limit)s
      FOR UPDATE SKIP LOCKED) k
WHERE (a.tenant, a.chunk, a.carrier) = (k.tenant, k.chunk, k.carrier)
