-- Campaign rows that are ahead of campaign-commands: their writer may have died in between.
SELECT c.tenant::text, c.id, c.version, c.status, c.lane, c.started_at, c.start_at, c.hours,
       ARRAY(SELECT p.part FROM campaign_parts p WHERE p.tenant = c.tenant AND p.campaign = c.id ORDER BY p.part)
FROM campaigns c
WHERE c.published < c.version
ORDER BY c.id
LIMIT 100
