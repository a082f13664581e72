-- Pages of references that are due, taken out, with the positions of their chunk that are not delivered: nothing undoes that, so
-- what is delivered waits for no receipt. `waiting` null: nobody knows yet. `refs` null: nothing of the chunk waits.
WITH taken AS (
    DELETE FROM ref_pages
    WHERE number = ANY (ARRAY(SELECT number FROM ref_pages WHERE due_at <= %(now)s
                              ORDER BY due_at, number LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
    RETURNING number, tenant, chunk, send, carrier, at, refs)
SELECT t.number, t.tenant, t.chunk, t.send, t.carrier, t.at,
       CASE WHEN %(delivered)s <= ALL (c.sequences) THEN NULL ELSE t.refs END,
       CASE WHEN c.chunk IS NOT NULL THEN
           ARRAY(SELECT s.place - 1 FROM unnest(c.sequences) WITH ORDINALITY AS s (sequence, place)
                 WHERE s.sequence < %(delivered)s) END
FROM taken t LEFT JOIN chunks c ON c.tenant = t.tenant AND c.chunk = t.chunk
ORDER BY t.number
