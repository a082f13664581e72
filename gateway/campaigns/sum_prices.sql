-- What the other listed parts of a campaign would cost together, by the routes of their time.
SELECT COALESCE(sum(price), 0)::bigint FROM campaign_parts
WHERE tenant = %(tenant)s AND campaign = %(campaign)s AND part <> %(part)s
