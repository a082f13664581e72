SELECT coalesce(s.campaign, r.campaign), coalesce(s.charged, 0), coalesce(r.charged, 0)
FROM (SELECT tenant, campaign, sum(charged)::bigint AS charged FROM campaign_spend GROUP BY tenant, campaign) s
FULL JOIN (SELECT tenant, campaign, sum(charged_amount)::bigint AS charged FROM reservations WHERE campaign IS NOT NULL
           GROUP BY tenant, campaign) r USING (tenant, campaign)
