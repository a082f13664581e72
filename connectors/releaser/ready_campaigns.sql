-- Campaigns that have rows to take out of the waiting room now: started ones whose drafts may go, canceled ones.
SELECT c.tenant::text, c.id, c.status
FROM campaigns c
WHERE c.status IN ('running', 'canceled') AND c.published = c.version
  AND EXISTS (SELECT FROM held h WHERE h.tenant = c.tenant AND h.campaign = c.id AND h.waiting > 0
              AND h.lease_until < %(now)s AND (c.status = 'canceled' OR h.reason IN ('draft', 'campaign_unknown')))
LIMIT 100
