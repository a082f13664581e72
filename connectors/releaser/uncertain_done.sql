-- The money of these uncertain messages is settled.
DELETE FROM uncertain_positions
WHERE tenant = %(tenant)s::uuid AND chunk = %(chunk)s AND send = %(send)s AND position = ANY(%(positions)s::smallint[])
