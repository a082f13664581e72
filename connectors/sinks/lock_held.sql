SELECT h.tenant::text, h.chunk, h.send, h.hold, h.portion, h.positions, h.cost, h.cheapest, h.segments_total, h.slice
FROM held h
JOIN unnest(%s::uuid[], %s::text[], %s::integer[], %s::integer[], %s::integer[])
    AS wanted (tenant, chunk, send, hold, portion) USING (tenant, chunk, send, hold, portion)
ORDER BY h.tenant, h.chunk, h.send, h.hold, h.portion
FOR UPDATE OF h
