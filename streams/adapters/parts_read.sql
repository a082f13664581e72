-- The states of all segments of these messages.
SELECT r.tenant::text, r.chunk, r.send, r.position, r.state
FROM (SELECT DISTINCT * FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::smallint[])
      AS w (tenant, chunk, send, position)) w
JOIN receipt_parts r USING (tenant, chunk, send, position)
