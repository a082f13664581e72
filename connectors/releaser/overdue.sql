-- Lease chunks with messages that rest in `sent` for longer than their carrier's receipts may take, the longest first, and
-- say which messages these are, by send. The index gives each carrier's oldest free rows, whatever its wait is at the
-- moment. Times of rows are whole seconds, rounded down: one second more makes sure that none is told too early.
WITH picked AS (
    SELECT w.tenant, w.chunk, w.carrier, k.id, k.receipt_wait_seconds AS wait
    FROM carriers k
    CROSS JOIN LATERAL (
        SELECT a.tenant, a.chunk, a.carrier FROM awaited_receipts a
        WHERE a.carrier = k.number AND a.since < %(second)s - k.receipt_wait_seconds AND a.lease_until = 0
        ORDER BY a.since
        LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED) w
    LIMIT %(limit)s
), leased AS (
    UPDATE awaited_receipts a SET lease_until = %(until)s
    FROM picked p
    WHERE (a.tenant, a.chunk, a.carrier) = (p.tenant, p.chunk, p.carrier)
    RETURNING a.tenant, a.chunk, a.carrier, p.id, p.wait
)
SELECT c.tenant::text, c.chunk, c.campaign, c.part, c.size, c.lane, l.carrier, l.id, m.send, m.members
FROM leased l
JOIN chunks c ON c.tenant = l.tenant AND c.chunk = l.chunk
CROSS JOIN LATERAL (
    SELECT u.sequence / 16 AS send, array_agg((u.place - 1)::int) AS members
    FROM unnest(c.sequences, c.reasons, c.seconds, c.carriers)
        WITH ORDINALITY AS u (sequence, reason, second, carrier, place)
    WHERE u.sequence %% 16 = %(sent)s AND u.reason <> %(missing)s AND u.carrier = l.carrier
      AND u.second < %(second)s - l.wait
    GROUP BY u.sequence) m
ORDER BY c.tenant, c.chunk, l.id, m.send
