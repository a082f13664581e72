-- What a running campaign has kept waiting: drafts, what waited for its time or rested while it was paused, and what waits for
-- hours that have changed since; of parts that count.
h.tenant = %(tenant)s::uuid AND h.campaign = %(campaign)s AND h.expires_at > %(now)s
AND (h.reason IN ('draft', 'paused', 'scheduled') OR (h.reason = 'closed_hours' AND h.at < c.hours_changed_at AND c.hours_changed_at <= %(now)s))
AND c.status = 'running' AND c.published = c.version AND COALESCE(c.start_at, 0) <= %(now)s
AND EXISTS (SELECT FROM campaign_parts p WHERE (p.tenant, p.campaign, p.part) = (h.tenant, h.campaign, h.part))
