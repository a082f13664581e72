-- `moves` holds `ranks` numbers for each row, one row after the other.
INSERT INTO campaign_counts AS c (tenant, campaign, partition, counts, changed_at)
SELECT tenant, campaign, partition,
       (%(moves)s::bigint[])[(place - 1) * %(ranks)s + 1 : place * %(ranks)s], %(at)s
FROM unnest(%(tenants)s::uuid[], %(campaigns)s::text[], %(partitions)s::smallint[])
    WITH ORDINALITY AS given (tenant, campaign, partition, place)
ON CONFLICT (tenant, campaign, partition) DO UPDATE
SET counts = ARRAY(SELECT before + moved FROM unnest(c.counts, EXCLUDED.counts) WITH ORDINALITY AS u (before, moved, rank)
                   ORDER BY rank),
    changed_at = GREATEST(c.changed_at, EXCLUDED.changed_at)
