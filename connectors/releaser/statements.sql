-- What the releaser asks and notes in few lines; longer statements are files of their own.

-- name: any_awaited
-- Whether any receipt is awaited.
SELECT EXISTS (SELECT FROM awaited_receipts)

-- name: any_waiting
-- Whether anything waits. Trap: with EXISTS the planner may read all rows, also those that are done; in an order it takes an
-- index that has only those that wait.
SELECT true FROM held WHERE waiting > 0 ORDER BY reason, carrier, lane, at, chunk LIMIT 1

-- name: canceled_close
-- Nothing of these chunks' canceled messages waits any more, as far as the sinks know: the releaser need not look for them.
UPDATE canceled_messages m SET open = false
WHERE m.open AND m.published = m.version AND EXISTS (
    SELECT FROM chunks c WHERE c.tenant = m.tenant AND c.chunk = m.chunk
    AND NOT EXISTS (SELECT FROM unnest(m.places) AS p (place) WHERE c.sequences[p.place + 1] %% 16 = ANY(%(open)s::int[])))

-- name: canceled_forget
DELETE FROM canceled_messages m USING unnest(%(tenants)s::uuid[], %(chunks)s::text[]) AS u (tenant, chunk)
WHERE (m.tenant, m.chunk) = (u.tenant, u.chunk)

-- name: canceled_over
SELECT tenant::text, chunk FROM canceled_messages WHERE NOT open AND published = version AND at < %(before)s
ORDER BY at LIMIT 500 FOR UPDATE SKIP LOCKED

-- name: confirmed_forget
-- Chunks of keyed messages that the sinks have, so that nobody has to write them again; those that nobody asked for within two
-- days are not written any more. Trap: with EXISTS the planner may read all of chunk_payloads, each second; a scalar is looked
-- up by index.
DELETE FROM unconfirmed_chunks u
WHERE u.at < %(before)s OR (SELECT true FROM chunk_payloads p WHERE p.tenant = u.tenant AND p.chunk = u.chunk)

-- name: insert_ref_blocks
-- Under the numbers that their pages had: the newest of an id used again has the largest.
INSERT INTO ref_blocks (number, tenant, chunk, send, carrier, at) OVERRIDING SYSTEM VALUE
SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::text[], %s::integer[], %s::text[], %s::bigint[])

-- name: parked_done
-- These receipts are on their way again.
DELETE FROM parked_receipts r
USING unnest(%(carriers)s::text[], %(ids)s::text[], %(hashes)s::bigint[], %(states)s::text[]) AS u (carrier, id, to_hash, state)
WHERE (r.carrier, r.id, r.to_hash, r.state) = (u.carrier, u.id, u.to_hash, u.state)

-- name: parked_forget
-- Receipts that no message claimed in three days belong to nobody here.
DELETE FROM parked_receipts WHERE at < %(before)s

-- name: next_due
-- When the first of what waits for a time may go, if anything does that may go later than `after`.
SELECT least((SELECT min(h.not_before) FROM held h WHERE h.waiting > 0 AND h.reason IN ('scheduled', 'closed_hours', 'carrier_transient', 'cap')
              AND h.lease_until < %(now)s AND h.not_before > %(after)s),
             (SELECT min(start_at) FROM campaigns WHERE status = 'running' AND start_at > %(now)s))

-- name: retry_advance
UPDATE campaign_retries SET plan = NULL, done = done OR %(done)s, messages = messages + %(messages)s, lease_until = 0
WHERE tenant = %(tenant)s::uuid AND campaign = %(campaign)s AND number = %(number)s

-- name: retry_plan
-- The chunks up to this one are done with once this is produced.
UPDATE campaign_retries SET plan = %(plan)s::jsonb, after = %(after)s
WHERE tenant = %(tenant)s::uuid AND campaign = %(campaign)s AND number = %(number)s

-- name: sink_offsets
-- How far the sinks have written these topics.
SELECT topic, partition, next FROM sink_offsets WHERE topic = ANY(%(topics)s::text[])

-- name: uncertain_done
-- The money of these uncertain messages is settled.
DELETE FROM uncertain_positions
WHERE tenant = %(tenant)s::uuid AND chunk = %(chunk)s AND send = %(send)s AND position = ANY(%(positions)s::smallint[])

-- name: where_balance
-- Rows that wait for a credit and whose cheapest message can be paid now; intake keeps waiting what cannot.
h.reason = 'balance' AND h.expires_at > %(now)s
AND h.cheapest <= (SELECT b.balance - b.reserved FROM balances b WHERE b.tenant = h.tenant)
AND (h.campaign IS NULL OR (c.status = 'running' AND c.published = c.version))

-- name: where_canceled
-- Everything that waits of one canceled campaign, of parts that count.
h.tenant = %(tenant)s::uuid AND h.campaign = %(campaign)s AND c.status = 'canceled' AND c.published = c.version
AND EXISTS (SELECT FROM campaign_parts p WHERE (p.tenant, p.campaign, p.part) = (h.tenant, h.campaign, h.part))

-- name: where_canceled_alone
-- What waits of messages that were canceled by themselves.
h.chunk = ANY(%(chunks)s::text[]) AND h.tenant = ANY(%(tenants)s::uuid[]) AND EXISTS (
    SELECT FROM canceled_messages m CROSS JOIN unnest(m.places) AS p (place)
    WHERE m.tenant = h.tenant AND m.chunk = h.chunk AND m.published = m.version
      AND CASE WHEN p.place < 8 * length(h.positions) THEN get_bit(h.positions, p.place) = 1 ELSE false END)

-- name: where_expired
-- Rows whose validity ended while they waited; drafts once they are started.
h.expires_at <= %(now)s AND (h.campaign IS NULL OR (c.status IN ('running', 'paused') AND c.published = c.version
AND EXISTS (SELECT FROM campaign_parts p WHERE (p.tenant, p.campaign, p.part) = (h.tenant, h.campaign, h.part))))

-- name: may_go_now
-- Part of others: nothing but room keeps this row.
h.not_before <= %(now)s AND h.expires_at > %(now)s
AND (h.campaign IS NULL OR (c.status = 'running' AND c.published = c.version))

-- name: where_room
-- What waits for it for one reason.
h.reason = %(reason)s AND h.carrier = %(carrier)s AND h.lane = %(lane)s AND /* may_go_now */

-- name: where_due
-- Single messages whose time has come, and whatever waited for its hours or for another try.
h.reason IN ('scheduled', 'closed_hours', 'carrier_transient', 'cap') AND h.not_before <= %(now)s AND h.expires_at > %(now)s
AND CASE WHEN h.campaign IS NULL THEN true
    ELSE h.reason <> 'scheduled' AND c.status = 'running' AND c.published = c.version END

-- name: where_caps_changed
-- What waits for the next day or month, of a tenant whose caps have changed since. Intake may not know the new ones yet when
-- it looks again, so what it held in the half minute after the change is looked at a few times.
h.reason = 'cap' AND h.expires_at > %(now)s AND h.at <= %(now)s - 8000
AND EXISTS (SELECT FROM tenants t WHERE t.id = h.tenant AND h.at < t.caps_changed_at + 30000 AND t.caps_changed_at + 3000 <= %(now)s)
AND (h.campaign IS NULL OR (c.status = 'running' AND c.published = c.version))

-- name: where_carrier_down
-- What was noted to go to another carrier, by a releaser that did not come to it.
h.reason = 'carrier_down' AND h.expires_at > %(now)s
AND (h.campaign IS NULL OR (c.status = 'running' AND c.published = c.version))
