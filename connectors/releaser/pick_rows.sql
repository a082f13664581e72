-- Rows that match a condition (one of the `where_*`), in their order.
SELECT h.tenant, h.chunk, h.send, h.hold, h.portion, COALESCE(c.version, 0) AS version
FROM held h
LEFT JOIN campaigns c ON c.tenant = h.tenant AND c.id = h.campaign
WHERE h.waiting > 0 AND h.lease_until < %(now)s
  AND EXISTS (SELECT FROM chunk_payloads y WHERE y.tenant = h.tenant AND y.chunk = h.chunk)
  AND (/* condition */)
ORDER BY /* order */
LIMIT %(limit)s
FOR UPDATE OF h SKIP LOCKED
