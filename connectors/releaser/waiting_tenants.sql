-- Whose work waits at these places: the place's number in the arrays, a tenant, and the profile for whose share it waits. Found
-- from one to the next by index, however much waits of each. What is leased, paused or not due counts too: a claim finds nothing of it.
WITH RECURSIVE asked AS (
    SELECT * FROM unnest(%(carriers)s::text[], %(lanes)s::text[], %(reasons)s::text[])
        WITH ORDINALITY AS a (carrier, lane, reason, place)
), found AS (
    (SELECT a.carrier, a.lane, a.reason, a.place, f.tenant, f.profile FROM asked a CROSS JOIN LATERAL (
        SELECT h.tenant, h.profile FROM held h
        WHERE h.waiting > 0 AND h.reason = a.reason AND h.carrier = a.carrier AND h.lane = a.lane
        ORDER BY h.tenant, h.profile LIMIT 1) AS f)
    UNION ALL
    SELECT p.carrier, p.lane, p.reason, p.place, n.tenant, n.profile FROM found p CROSS JOIN LATERAL (
        SELECT h.tenant, h.profile FROM held h
        WHERE h.waiting > 0 AND h.reason = p.reason AND h.carrier = p.carrier AND h.lane = p.lane
          AND (h.tenant, h.profile) > (p.tenant, p.profile)
        ORDER BY h.tenant, h.profile LIMIT 1) AS n
)
SELECT place::int - 1, tenant::text, profile FROM found
