-- Single messages; one statement a name.

-- name: find_accepted
-- Whether this index of this part became a message, before the sinks have it: the time of its part.
SELECT p.at FROM campaign_parts p
WHERE p.tenant = %(tenant)s AND p.campaign = %(campaign)s AND p.part = %(part)s
  AND %(index)s < p.recipients + p.rejected_count
  AND NOT EXISTS (SELECT FROM rejections r WHERE r.tenant = p.tenant AND r.campaign = p.campaign AND r.part = p.part
                  AND r.index = %(index)s);

-- name: cancel_message
-- This position is canceled; nothing when it is already.
INSERT INTO canceled_messages AS m (tenant, chunk, lane, places, at)
VALUES (%(tenant)s, %(chunk)s, %(lane)s, ARRAY[%(place)s::smallint], %(at)s)
ON CONFLICT (tenant, chunk) DO UPDATE SET places = m.places || %(place)s::smallint, version = m.version + 1, open = true,
    at = EXCLUDED.at
WHERE NOT %(place)s::smallint = ANY(m.places);

-- name: mark_published
UPDATE canceled_messages SET published = GREATEST(published, %(version)s)
WHERE tenant = %(tenant)s AND chunk = %(id)s AND version = %(version)s;

-- name: place_of
-- Where the sinks have put the message with this index of an upload part.
SELECT p.chunk, (g.place - 1)::int, p.lane
FROM chunk_payloads p CROSS JOIN generate_series(1, p.size) AS g (place)
WHERE p.tenant = %(tenant)s AND p.campaign = %(campaign)s AND p.part = %(part)s
  AND substr(p.indexes, 4 * g.place - 3, 4) = %(index)s
LIMIT 1;

-- name: read_command
-- What is canceled of a chunk, as its command tells it.
SELECT m.published, m.version, 'canceled', m.lane, NULL, NULL, NULL, ARRAY[]::int[], m.places
FROM canceled_messages m WHERE m.tenant = %(tenant)s AND m.chunk = %(id)s;
