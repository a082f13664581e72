SELECT tenant::text, campaign, place::integer - 1, sum(number)::bigint
FROM campaign_counts CROSS JOIN LATERAL unnest(counts) WITH ORDINALITY AS c (number, place)
GROUP BY tenant, campaign, place
