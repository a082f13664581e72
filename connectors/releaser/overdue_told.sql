-- These rows, which we still lease, have been told of: nobody tells of them again soon. A row that the sink is about to
-- change is passed over, so that neither waits for the other.
UPDATE awaited_receipts a SET lease_until = %(until)s
FROM (SELECT w.tenant, w.chunk, w.carrier
      FROM unnest(%(tenants)s::uuid[], %(chunks)s::text[], %(carriers)s::smallint[]) AS told (tenant, chunk, carrier)
      JOIN awaited_receipts w USING (tenant, chunk, carrier)
      WHERE w.lease_until = %(leased)s
      FOR UPDATE OF w SKIP LOCKED) k
WHERE (a.tenant, a.chunk, a.carrier) = (k.tenant, k.chunk, k.carrier)
