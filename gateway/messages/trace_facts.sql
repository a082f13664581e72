-- What PostgreSQL knows of one message's way: its state, where its chunk's calls were made, what it waited for. Times say where in
-- the topics to look.
SELECT p.chunk, (g.place - 1)::int, p.lane, p.accepted_at, p.due_at,
       COALESCE(c.sequences[g.place], 0), COALESCE(c.reasons[g.place], 0), COALESCE(c.seconds[g.place], 0),
       k.id, c.codes ->> (g.place - 1)::text,
       ARRAY(SELECT jsonb_build_array(a.send, a.carrier, r.partition, a.at)
             FROM attempt_chunks a JOIN carriers r ON r.id = a.carrier
             WHERE a.tenant = p.tenant AND a.chunk = p.chunk
               AND CASE WHEN g.place - 1 < 8 * length(a.started) THEN get_bit(a.started, (g.place - 1)::int) = 1
                   ELSE false END
             ORDER BY a.send),
       ARRAY(SELECT jsonb_build_array(h.send, h.reason, h.carrier, h.not_before, h.at,
                        CASE WHEN g.place - 1 < 8 * length(h.positions)
                             THEN get_bit(h.positions, (g.place - 1)::int) = 1 ELSE false END)
             FROM held h WHERE h.tenant = p.tenant AND h.chunk = p.chunk ORDER BY h.at)
FROM chunk_payloads p
CROSS JOIN generate_series(1, p.size) AS g (place)
LEFT JOIN chunks c ON c.tenant = p.tenant AND c.chunk = p.chunk
LEFT JOIN carriers k ON k.number = c.carriers[g.place]
WHERE p.tenant = %(tenant)s AND substr(p.indexes, 4 * g.place - 3, 4) = %(index)s
  AND (p.chunk = %(chunk)s OR (p.campaign = %(campaign)s AND p.part = %(part)s))
LIMIT 1
