-- These rows, which we still lease, will go to another carrier, whatever becomes of the one that they waited for: noted before
-- they go, so that a repeat sends them the same way and not to both.
UPDATE held h SET reason = 'carrier_down'
FROM unnest(%(tenants)s::uuid[], %(chunks)s::text[], %(sends)s::int[], %(holds)s::int[], %(portions)s::int[])
    AS u (tenant, chunk, send, hold, portion)
WHERE (h.tenant, h.chunk, h.send, h.hold, h.portion) = (u.tenant, u.chunk, u.send, u.hold, u.portion)
    AND h.lease = %(lease)s AND h.waiting > 0
RETURNING h.tenant::text, h.chunk, h.send, h.hold, h.portion
