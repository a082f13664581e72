-- Messages of a tenant or of one campaign, newest chunk first; every filter may be null. Parts that were never answered do not count.
SELECT p.chunk, p.campaign, p.part, p.accepted_at, p.indexes, p.key_id, p.sealed, m.place::int,
       COALESCE(m.sequence, 0), COALESCE(m.reason, 0), m.second, k.id, COALESCE(m.segments, 0)::int,
       COALESCE(c.price, 0)::bigint, NULLIF(p.due_at, p.accepted_at),
       CASE WHEN COALESCE(m.sequence, 0) %% 16 = ANY(%(returned)s::int[]) THEN
           -- Of a message that came to nothing only what its sends were charged, mostly nothing.
           (SELECT COALESCE(sum(CASE WHEN m.place - 1 < 8 * length(r.charged) AND m.place <= length(r.segments)
                                     THEN get_bit(r.charged, m.place::int - 1) * get_byte(r.segments, m.place::int - 1)
                                          * r.price END), 0)::bigint
            FROM reservations r WHERE r.tenant = p.tenant AND r.chunk = p.chunk) END
FROM chunk_payloads p
LEFT JOIN chunks c ON c.tenant = p.tenant AND c.chunk = p.chunk
CROSS JOIN LATERAL (
    SELECT g.place, c.sequences[g.place] AS sequence, c.reasons[g.place] AS reason, c.seconds[g.place] AS second,
           c.carriers[g.place] AS carrier, c.segments[g.place] AS segments
    FROM generate_series(1, p.size) AS g (place)
    WHERE (%(status)s::int IS NULL OR COALESCE(c.sequences[g.place], 0) %% 16 = %(status)s)
      AND (%(to_hash)s::bigint IS NULL OR p.to_hashes[g.place] = %(to_hash)s)
      AND (%(ref_hash)s::bigint IS NULL OR p.ref_hashes[g.place] = %(ref_hash)s)
      AND (%(index)s::bytea IS NULL OR substr(p.indexes, 4 * g.place - 3, 4) = %(index)s)) m
LEFT JOIN carriers k ON k.number = m.carrier
WHERE p.tenant = %(tenant)s
  AND (p.campaign IS NULL OR EXISTS (SELECT FROM campaign_parts l WHERE l.tenant = p.tenant AND l.campaign = p.campaign
                                     AND l.part = p.part))
  AND (%(chunk)s::text IS NULL OR p.chunk = %(chunk)s)
  AND (%(campaign)s::text IS NULL OR p.campaign = %(campaign)s)
  AND (%(part)s::int IS NULL OR p.part = %(part)s)
  AND (%(from_at)s::bigint IS NULL OR p.accepted_at >= %(from_at)s)
  AND (%(until_at)s::bigint IS NULL OR p.accepted_at < %(until_at)s)
  AND (%(to_hash)s::bigint IS NULL OR %(to_hash)s = ANY(p.to_hashes))
  AND (%(ref_hash)s::bigint IS NULL OR %(ref_hash)s = ANY(p.ref_hashes))
  AND (%(after_at)s::bigint IS NULL OR p.accepted_at < %(after_at)s
       OR (p.accepted_at = %(after_at)s AND (p.chunk, m.place) > (%(after_chunk)s::text, %(after_place)s::int)))
ORDER BY p.accepted_at DESC, p.chunk, m.place
LIMIT %(limit)s
