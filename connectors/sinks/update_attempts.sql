UPDATE attempt_chunks a SET started = given.started, settled = given.settled, at = given.at
FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::bytea[], %s::bytea[], %s::bigint[])
    AS given (tenant, chunk, send, started, settled, at)
WHERE a.tenant = given.tenant AND a.chunk = given.chunk AND a.send = given.send
