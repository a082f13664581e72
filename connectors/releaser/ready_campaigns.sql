-- Campaigns that have rows to take out of the waiting room now: canceled ones, and running ones whose drafts, or what rested
-- while they were paused, may go. No more of them go while enough of the campaign waits for room, or for a
-- carrier that is stopped: they would only come back. While nothing may go (`open`), running ones must not stand before those
-- that are over.
SELECT c.tenant::text, c.id, c.status
FROM campaigns c
WHERE c.status IN ('running', 'canceled') AND c.published = c.version
  AND (c.status = 'canceled' OR %(open)s AND COALESCE(c.start_at, 0) <= %(now)s)
  AND EXISTS (SELECT FROM held h WHERE h.tenant = c.tenant AND h.campaign = c.id AND h.waiting > 0
              AND h.lease_until < %(now)s AND (c.status = 'canceled' OR h.reason IN ('draft', 'paused', 'scheduled')
                                               OR (h.reason = 'closed_hours' AND h.at < c.hours_changed_at
                                                   AND c.hours_changed_at <= %(now)s)))
  AND (c.status = 'canceled' OR %(enough)s > (
      SELECT count(*) FROM (SELECT FROM held r WHERE r.tenant = c.tenant AND r.campaign = c.id AND r.waiting > 0
                            AND r.reason = 'room' LIMIT %(enough)s) AS w)
    + (SELECT count(*) FROM (SELECT FROM held r WHERE r.tenant = c.tenant AND r.campaign = c.id AND r.waiting > 0
                              AND r.reason = 'carrier_stopped' LIMIT %(enough)s) AS s)
    + (SELECT count(*) FROM (SELECT FROM held r WHERE r.tenant = c.tenant AND r.campaign = c.id AND r.waiting > 0
                              AND r.reason = 'share' LIMIT %(enough)s) AS p))
LIMIT 100
