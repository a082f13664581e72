-- Where work waits for room: carrier, lane, reason.
SELECT k.id, l.lane, r.reason
FROM carriers k
CROSS JOIN unnest(%(lanes)s::text[]) AS l (lane)
CROSS JOIN unnest(%(reasons)s::text[]) AS r (reason)
WHERE EXISTS (SELECT FROM held h WHERE h.reason = r.reason AND h.carrier = k.id AND h.lane = l.lane AND h.waiting > 0
              AND h.not_before <= %(now)s)
