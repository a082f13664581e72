-- Take positions out of rows that we still lease; what stays is free for the next claim.
UPDATE held h SET positions = u.positions, waiting = u.waiting, segments_total = u.segments_total, lease = NULL,
    lease_until = 0
FROM unnest(%(tenants)s::uuid[], %(chunks)s::text[], %(sends)s::int[], %(holds)s::int[], %(portions)s::int[], %(positions)s::bytea[],
            %(waiting)s::int[], %(segments)s::int[]) AS u (tenant, chunk, send, hold, portion, positions, waiting, segments_total)
WHERE (h.tenant, h.chunk, h.send, h.hold, h.portion) = (u.tenant, u.chunk, u.send, u.hold, u.portion) AND h.lease = %(lease)s
