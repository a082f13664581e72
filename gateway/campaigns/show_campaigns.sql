-- Campaigns with their sums, all of one snapshot; newest first, from the cursor on; or the one of this id.
SELECT c.id, c.name, c.status, c.sender, c.body, c.lane, c.profile, c.max_price, c.validity_seconds, c.smart, c.created_at,
       c.started_at, c.ended_at, COALESCE(p.accepted, 0)::bigint, COALESCE(p.rejected, 0)::bigint, k.counts,
       COALESCE(s.charged, 0)::bigint, c.start_at, c.hours,
       EXISTS (SELECT FROM campaign_retries t WHERE t.tenant = c.tenant AND t.campaign = c.id AND NOT t.done), w.reason, w.until, w.messages, w.total
FROM (SELECT * FROM campaigns
      WHERE tenant = %(tenant)s AND (%(id)s::text IS NULL OR id = %(id)s)
        AND (%(after_at)s::bigint IS NULL OR created_at < %(after_at)s
             OR (created_at = %(after_at)s AND id > %(after_id)s::text))
      ORDER BY created_at DESC, id LIMIT %(limit)s) c
LEFT JOIN LATERAL (SELECT sum(recipients) AS accepted, sum(rejected_count) AS rejected FROM campaign_parts
                   WHERE tenant = c.tenant AND campaign = c.id) p ON true
LEFT JOIN LATERAL (SELECT array_agg(total ORDER BY rank) AS counts
                   FROM (SELECT u.rank, sum(u.value)::bigint AS total FROM campaign_counts cc,
                                unnest(cc.counts) WITH ORDINALITY AS u (value, rank)
                         WHERE cc.tenant = c.tenant AND cc.campaign = c.id GROUP BY u.rank) x) k ON true
LEFT JOIN LATERAL (SELECT sum(charged) AS charged FROM campaign_spend
                   WHERE tenant = c.tenant AND campaign = c.id) s ON true
LEFT JOIN LATERAL (SELECT reason, min(not_before) AS until, sum(waiting)::bigint AS messages,
                          sum(sum(waiting)) OVER ()::bigint AS total FROM held
                   WHERE tenant = c.tenant AND campaign = c.id AND waiting > 0
                   GROUP BY reason ORDER BY sum(waiting) DESC LIMIT 1) w ON true
ORDER BY c.created_at DESC, c.id
