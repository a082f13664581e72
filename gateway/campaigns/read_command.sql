-- The full state of a campaign as its command tells it.
SELECT c.version, c.published, c.status, c.lane,
       ARRAY(SELECT p.part FROM campaign_parts p WHERE p.tenant = c.tenant AND p.campaign = c.id ORDER BY p.part)
FROM campaigns c WHERE c.tenant = %(tenant)s AND c.id = %(id)s
