INSERT INTO campaign_spend AS s (tenant, campaign, partition, charged)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::smallint[], %s::bigint[])
ON CONFLICT (tenant, campaign, partition) DO UPDATE SET charged = s.charged + EXCLUDED.charged
