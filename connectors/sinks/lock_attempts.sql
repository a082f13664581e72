SELECT a.tenant::text, a.chunk, a.send, a.started, a.settled, a.at
FROM attempt_chunks a
JOIN unnest(%s::uuid[], %s::text[], %s::integer[]) AS wanted (tenant, chunk, send) USING (tenant, chunk, send)
ORDER BY a.tenant, a.chunk, a.send
FOR UPDATE OF a
