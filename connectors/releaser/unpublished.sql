-- Campaign rows, and canceled messages of chunks, that are ahead of campaign-commands: their writer may have died in between.
SELECT c.tenant::text, c.id, c.version, c.status, c.lane, c.started_at, c.start_at, c.hours,
       ARRAY(SELECT p.part FROM campaign_parts p WHERE p.tenant = c.tenant AND p.campaign = c.id ORDER BY p.part),
       ARRAY[]::int[]
FROM campaigns c
WHERE c.published < c.version
UNION ALL
SELECT m.tenant::text, m.chunk, m.version, 'canceled', m.lane, NULL, NULL, NULL, ARRAY[]::int[], m.places::int[]
FROM canceled_messages m
WHERE m.published < m.version
ORDER BY 2
LIMIT 100
