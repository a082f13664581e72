-- Where work waits for room: carrier, lane, reason. Found from one place to the next by index, whatever waits at each.
WITH RECURSIVE places AS (
    (SELECT f.* FROM unnest(%(reasons)s::text[]) AS r (reason) CROSS JOIN LATERAL (
        SELECT h.reason, h.carrier, h.lane FROM held h
        WHERE h.waiting > 0 AND h.reason = r.reason AND h.carrier IS NOT NULL
        ORDER BY h.carrier, h.lane LIMIT 1) AS f)
    UNION ALL
    SELECT n.* FROM places p CROSS JOIN LATERAL (
        SELECT h.reason, h.carrier, h.lane FROM held h
        WHERE h.waiting > 0 AND h.reason = p.reason AND (h.carrier, h.lane) > (p.carrier, p.lane)
        ORDER BY h.carrier, h.lane LIMIT 1) AS n
)
SELECT carrier, lane, reason FROM places
