-- Nobody claims these rows, which we still lease, before this moment.
UPDATE held h SET lease = NULL, lease_until = %(until)s
FROM unnest(%(tenants)s::uuid[], %(chunks)s::text[], %(sends)s::int[], %(holds)s::int[], %(portions)s::int[])
    AS u (tenant, chunk, send, hold, portion)
WHERE (h.tenant, h.chunk, h.send, h.hold, h.portion) = (u.tenant, u.chunk, u.send, u.hold, u.portion)
    AND h.lease = %(lease)s
