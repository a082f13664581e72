SELECT h.tenant::text, h.chunk, h.send, h.hold, h.positions, h.cost, h.cheapest, h.segments_total, h.slice
FROM held h
JOIN unnest(%s::uuid[], %s::text[], %s::integer[], %s::integer[]) AS wanted (tenant, chunk, send, hold)
    USING (tenant, chunk, send, hold)
ORDER BY h.tenant, h.chunk, h.send, h.hold
FOR UPDATE OF h
