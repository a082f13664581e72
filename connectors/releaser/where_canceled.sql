-- Everything that waits of one canceled campaign, of parts that count.
h.tenant = %(tenant)s::uuid AND h.campaign = %(campaign)s AND c.status = 'canceled' AND c.published = c.version
AND EXISTS (SELECT FROM campaign_parts p WHERE (p.tenant, p.campaign, p.part) = (h.tenant, h.campaign, h.part))
