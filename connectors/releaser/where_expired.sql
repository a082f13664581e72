-- Rows whose validity ended while they waited; drafts once they are started.
h.expires_at <= %(now)s AND (h.campaign IS NULL OR (c.status = 'running' AND c.published = c.version
AND EXISTS (SELECT FROM campaign_parts p WHERE (p.tenant, p.campaign, p.part) = (h.tenant, h.campaign, h.part))))
