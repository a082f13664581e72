-- Drafts of one started campaign, of parts that count.
h.tenant = %(tenant)s::uuid AND h.campaign = %(campaign)s AND h.reason = 'draft' AND h.expires_at > %(now)s
AND c.status = 'running' AND c.published = c.version
AND EXISTS (SELECT FROM campaign_parts p WHERE (p.tenant, p.campaign, p.part) = (h.tenant, h.campaign, h.part))
