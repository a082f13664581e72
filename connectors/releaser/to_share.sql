-- These rows, which we still lease, are sent under a profile that has a share by now: they wait for it, each profile by itself.
UPDATE held h SET reason = 'share', profile = u.profile, lease = NULL, lease_until = 0
FROM unnest(%(tenants)s::uuid[], %(chunks)s::text[], %(sends)s::int[], %(holds)s::int[], %(portions)s::int[], %(profiles)s::text[])
    AS u (tenant, chunk, send, hold, portion, profile)
WHERE (h.tenant, h.chunk, h.send, h.hold, h.portion) = (u.tenant, u.chunk, u.send, u.hold, u.portion)
    AND h.lease = %(lease)s AND h.waiting > 0
