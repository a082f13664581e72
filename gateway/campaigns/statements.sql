-- Campaigns, their parts and their rejections; one statement a name.

-- name: find_part
SELECT recipients, rejected_count, rejected, digest FROM campaign_parts
WHERE tenant = %(tenant)s AND campaign = %(campaign)s AND part = %(part)s;

-- name: insert_campaign
INSERT INTO campaigns (tenant, id, name, sender, body, lane, smart, validity_seconds, max_price, status, version,
                       published, grouping, digest, answer, created_at, started_at, start_at, hours, profile)
VALUES (%(tenant)s, %(id)s, %(name)s, %(sender)s, %(body)s, %(lane)s, %(smart)s, %(validity_seconds)s, %(max_price)s,
        %(status)s, 1, 0, %(grouping)s, %(digest)s, %(answer)s, %(at)s, %(started_at)s, %(start_at)s,
        %(hours)s, %(profile)s)
ON CONFLICT (tenant, id) DO NOTHING;

-- name: insert_part
INSERT INTO campaign_parts (tenant, campaign, part, chunks, recipients, price, rejected_count, rejected, digest, at)
VALUES (%(tenant)s, %(campaign)s, %(part)s, %(chunks)s, %(recipients)s, %(price)s, %(rejected_count)s, %(rejected)s,
        %(digest)s, %(at)s)
ON CONFLICT (tenant, campaign, part) DO NOTHING;

-- name: insert_rejections
-- A block of refused recipients; COPY would be refused under row-level security.
INSERT INTO rejections (tenant, campaign, part, index, pointer, code, detail, value, also)
SELECT %(tenant)s, %(campaign)s, %(part)s, r.index, r.pointer, r.code, r.detail, r.value, r.also::jsonb
FROM unnest(%(indexes)s::bigint[], %(pointers)s::text[], %(codes)s::text[], %(details)s::text[], %(values)s::text[],
            %(also)s::text[]) AS r (index, pointer, code, detail, value, also)
ON CONFLICT (tenant, campaign, part, index) DO NOTHING;

-- name: insert_retry
INSERT INTO campaign_retries (tenant, campaign, number, scope, at)
SELECT %(tenant)s, %(campaign)s, COALESCE(max(r.number), 0) + 1, %(scope)s, %(at)s FROM campaign_retries r
WHERE r.tenant = %(tenant)s AND r.campaign = %(campaign)s
HAVING NOT COALESCE(bool_or(r.scope = %(scope)s AND NOT r.done), false);

-- name: list_rejections
SELECT part, index, pointer, code, detail, value, also FROM rejections
WHERE tenant = %(tenant)s AND campaign = %(campaign)s
  AND (part, index) > (%(part)s, %(index)s)
ORDER BY part, index LIMIT %(limit)s;

-- name: lock_campaign
-- Whoever changes a campaign or adds a part to it holds this lock until the end of the transaction.
SELECT status, max_price FROM campaigns WHERE tenant = %(tenant)s AND id = %(id)s FOR UPDATE;

-- name: mark_published
UPDATE campaigns SET published = GREATEST(published, %(version)s)
WHERE tenant = %(tenant)s AND id = %(id)s AND version = %(version)s;

-- name: move_campaign
UPDATE campaigns
SET status = %(status)s, version = version + 1,
    started_at = CASE WHEN %(status)s = 'running' THEN COALESCE(started_at, %(at)s) ELSE started_at END,
    ended_at = CASE WHEN %(status)s = 'canceled' THEN %(at)s ELSE ended_at END
WHERE tenant = %(tenant)s AND id = %(id)s;

-- name: read_campaign
SELECT status, version, published, lane, sender, body, smart, validity_seconds, max_price, profile FROM campaigns
WHERE tenant = %(tenant)s AND id = %(id)s;

-- name: read_command
-- The full state of a campaign as its command tells it.
SELECT c.published, c.version, c.status, c.lane, c.started_at, c.start_at, c.hours,
       ARRAY(SELECT p.part FROM campaign_parts p WHERE p.tenant = c.tenant AND p.campaign = c.id ORDER BY p.part)
FROM campaigns c WHERE c.tenant = %(tenant)s AND c.id = %(id)s;

-- name: reschedule_campaign
-- Nothing when it is to begin at another time and has begun.
UPDATE campaigns
SET version = version + 1, start_at = CASE WHEN %(new_start)s THEN %(start_at)s ELSE start_at END,
    hours = CASE WHEN %(new_hours)s THEN %(hours)s::jsonb ELSE hours END,
    hours_changed_at = CASE WHEN %(new_hours)s THEN %(at)s ELSE hours_changed_at END
WHERE tenant = %(tenant)s AND id = %(id)s
  AND (NOT %(new_start)s OR status = 'draft' OR start_at > %(at)s OR start_at IS NOT DISTINCT FROM %(start_at)s);

-- name: sum_prices
-- What the other listed parts of a campaign would cost together, by the routes of their time.
SELECT COALESCE(sum(price), 0)::bigint FROM campaign_parts
WHERE tenant = %(tenant)s AND campaign = %(campaign)s AND part <> %(part)s;
