-- Rows that wait for room at one carrier and lane.
h.reason = %(reason)s AND h.carrier = %(carrier)s AND h.lane = %(lane)s AND h.not_before <= %(now)s
AND h.expires_at > %(now)s AND (h.campaign IS NULL OR (c.status = 'running' AND c.published = c.version))
