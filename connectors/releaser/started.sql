-- For each of these rows, in their order, the positions that a carrier call was begun for under its send or a later one.
SELECT (SELECT array_agg(a.started) FROM attempt_chunks a
        WHERE a.tenant = u.tenant AND a.chunk = u.chunk AND a.send >= u.send)
FROM unnest(%(tenants)s::uuid[], %(chunks)s::text[], %(sends)s::int[], %(holds)s::int[], %(portions)s::int[])
    WITH ORDINALITY AS u (tenant, chunk, send, hold, portion, place)
ORDER BY u.place
