UPDATE held h SET positions = given.positions, waiting = given.waiting, cost = given.cost, cheapest = given.cheapest,
                  segments_total = given.segments_total
FROM unnest(%s::uuid[], %s::text[], %s::integer[], %s::integer[], %s::integer[], %s::bytea[], %s::integer[], %s::bigint[],
            %s::bigint[], %s::integer[])
    AS given (tenant, chunk, send, hold, portion, positions, waiting, cost, cheapest, segments_total)
WHERE h.tenant = given.tenant AND h.chunk = given.chunk AND h.send = given.send AND h.hold = given.hold
  AND h.portion = given.portion
