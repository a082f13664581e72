-- Campaign rows that are ahead of campaign-commands: their writer may have died in between.
SELECT c.tenant::text, c.id, c.version, c.status, c.lane,
       ARRAY(SELECT p.part FROM campaign_parts p WHERE p.tenant = c.tenant AND p.campaign = c.id ORDER BY p.part)
FROM campaigns c
WHERE c.published < c.version
ORDER BY c.id
LIMIT 100
