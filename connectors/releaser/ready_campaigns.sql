-- Campaigns that have rows to take out of the waiting room now: canceled ones, and started ones whose drafts may go. No more
-- drafts go while enough of the campaign waits for room: they would only come back.
SELECT c.tenant::text, c.id, c.status
FROM campaigns c
WHERE c.status IN ('running', 'canceled') AND c.published = c.version
  AND EXISTS (SELECT FROM held h WHERE h.tenant = c.tenant AND h.campaign = c.id AND h.waiting > 0
              AND h.lease_until < %(now)s AND (c.status = 'canceled' OR h.reason = 'draft'))
  AND (c.status = 'canceled' OR %(enough)s > (
      SELECT count(*) FROM (SELECT FROM held r WHERE r.tenant = c.tenant AND r.campaign = c.id AND r.waiting > 0
                            AND r.reason = 'room' LIMIT %(enough)s) AS w))
LIMIT 100
