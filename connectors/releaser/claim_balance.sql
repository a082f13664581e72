-- Lease rows that wait for a credit and whose cheapest message can be paid now; a row more than the balance pays for is
-- cut by intake, which keeps the rest waiting.
WITH picked AS (
    SELECT h.tenant, h.chunk, h.send, h.hold, COALESCE(c.version, 0) AS version
    FROM held h
    JOIN balances b ON b.tenant = h.tenant
    LEFT JOIN campaigns c ON c.tenant = h.tenant AND c.id = h.campaign
    WHERE h.reason = 'balance' AND h.waiting > 0 AND h.lease_until < %(now)s AND h.expires_at > %(now)s
      AND h.cheapest <= b.balance - b.reserved
      AND (h.campaign IS NULL OR (c.status = 'running' AND c.published = c.version))
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
