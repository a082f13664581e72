-- Chunks of which canceled messages wait here, as far as every role knows it. Trap: with EXISTS the planner may read all of the
-- waiting room, each tenth of a second; a scalar is looked up by index.
SELECT m.tenant::text, m.chunk, m.places::int[]
FROM canceled_messages m
WHERE m.open AND m.published = m.version AND (
    SELECT true FROM held h CROSS JOIN unnest(m.places) AS p (place)
    WHERE h.tenant = m.tenant AND h.chunk = m.chunk AND h.waiting > 0 AND h.lease_until < %(now)s
      AND CASE WHEN p.place < 8 * length(h.positions) THEN get_bit(h.positions, p.place) = 1 ELSE false END
    LIMIT 1)
ORDER BY m.at
LIMIT %(limit)s
