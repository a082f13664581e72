-- Lease rows of one campaign: its drafts when it runs, everything of it when it is canceled. Rows of parts that do not
-- count are left alone.
WITH picked AS (
    SELECT h.tenant, h.chunk, h.send, h.hold, c.version
    FROM held h
    JOIN campaigns c ON c.tenant = h.tenant AND c.id = h.campaign
    WHERE h.tenant = %(tenant)s AND h.campaign = %(campaign)s AND h.waiting > 0 AND h.lease_until < %(now)s
      AND c.status = %(status)s AND c.published = c.version
      AND (c.status = 'canceled' OR h.reason IN ('draft', 'campaign_unknown'))
      AND EXISTS (SELECT FROM campaign_parts p
                  WHERE p.tenant = h.tenant AND p.campaign = h.campaign AND p.part = h.part)
      AND EXISTS (SELECT FROM chunk_payloads y WHERE y.tenant = h.tenant AND y.chunk = h.chunk)
    ORDER BY h.at, h.chunk
    LIMIT %(limit)s
    FOR UPDATE OF h SKIP LOCKED
)
UPDATE held h SET lease = %(lease)s, lease_until = %(until)s
FROM picked k JOIN chunk_payloads y ON y.tenant = k.tenant AND y.chunk = k.chunk
WHERE (h.tenant, h.chunk, h.send, h.hold) = (k.tenant, k.chunk, k.send, k.hold)
RETURNING h.tenant, h.chunk, h.send, h.hold, h.reason, h.positions, h.slice,
    (SELECT array_agg(a.started) FROM attempt_chunks a
     WHERE a.tenant = h.tenant AND a.chunk = h.chunk AND a.send >= h.send),
    k.version, y.key_id, y.sealed, y.size, y.indexes
