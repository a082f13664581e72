-- Of each tenant, and profile where these have shares, the oldest rows that wait for room at one carrier and lane, as many as its share of the room reaches into.
SELECT o.tenant, o.chunk, o.send, o.hold, o.portion, o.version
FROM unnest(%(tenants)s::uuid[], %(reasons)s::text[], %(profiles)s::text[], %(shares)s::bigint[]) AS s (tenant, reason, profile, share)
CROSS JOIN LATERAL (
    SELECT w.*, sum(greatest(w.segments_total, 1)) OVER (ORDER BY w.at, w.chunk, w.send, w.hold, w.portion)
                - greatest(w.segments_total, 1) AS older
    FROM (
        SELECT h.tenant, h.chunk, h.send, h.hold, h.portion, h.at, h.segments_total, COALESCE(c.version, 0) AS version
        FROM held h
        LEFT JOIN campaigns c ON c.tenant = h.tenant AND c.id = h.campaign
        WHERE h.reason = s.reason AND h.tenant = s.tenant AND h.profile = s.profile AND h.waiting > 0 AND h.lease_until < %(now)s
          AND h.carrier = %(carrier)s AND h.lane = %(lane)s AND /* may_go_now */
          AND EXISTS (SELECT FROM chunk_payloads y WHERE y.tenant = h.tenant AND y.chunk = h.chunk)
        ORDER BY h.at, h.chunk
        LIMIT least(s.share, %(limit)s)
        FOR UPDATE OF h SKIP LOCKED
    ) w
) o
WHERE o.older < s.share
