-- A block of refused recipients; COPY would be refused under row-level security.
INSERT INTO rejections (tenant, campaign, part, index, pointer, code, detail)
SELECT %(tenant)s, %(campaign)s, %(part)s, r.index, r.pointer, r.code, r.detail
FROM unnest(%(indexes)s::bigint[], %(pointers)s::text[], %(codes)s::text[], %(details)s::text[])
     AS r (index, pointer, code, detail)
ON CONFLICT (tenant, campaign, part, index) DO NOTHING
