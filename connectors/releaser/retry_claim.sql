-- Lease the oldest retry that has work left, of a running campaign that every role knows in this version.
UPDATE campaign_retries r SET lease_until = %(until)s
FROM (SELECT q.tenant, q.campaign, q.number, c.version
      FROM campaign_retries q JOIN campaigns c ON c.tenant = q.tenant AND c.id = q.campaign
      WHERE NOT q.done AND q.lease_until < %(now)s AND c.status = 'running' AND c.published = c.version
      ORDER BY q.at LIMIT 1 FOR UPDATE OF q SKIP LOCKED) p
WHERE (r.tenant, r.campaign, r.number) = (p.tenant, p.campaign, p.number)
RETURNING r.tenant::text, r.campaign, r.number, r.scope, r.after, r.plan, p.version
