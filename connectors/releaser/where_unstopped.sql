-- What an emergency stop kept, and no stop covers any more.
h.reason = 'stopped' AND h.expires_at > %(now)s
AND (h.campaign IS NULL OR (c.status = 'running' AND c.published = c.version))
AND NOT EXISTS (
    SELECT FROM stops s
    WHERE CASE s.kind
        WHEN 'all' THEN true
        WHEN 'tenant' THEN s.name = h.tenant::text
        WHEN 'carrier' THEN s.name = h.carrier
        ELSE s.name = (SELECT p.sender FROM chunk_payloads p WHERE p.tenant = h.tenant AND p.chunk = h.chunk)
    END)
