UPDATE campaigns
SET status = %(status)s, version = version + 1,
    started_at = CASE WHEN %(status)s = 'running' THEN %(at)s ELSE started_at END,
    ended_at = CASE WHEN %(status)s = 'canceled' THEN %(at)s ELSE ended_at END
WHERE tenant = %(tenant)s AND id = %(id)s
