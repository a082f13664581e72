-- Of these places (carrier, lane, reason) the numbers in the arrays of those where a row waits that may go.
SELECT a.place::int - 1
FROM unnest(%(carriers)s::text[], %(lanes)s::text[], %(reasons)s::text[]) WITH ORDINALITY AS a (carrier, lane, reason, place)
WHERE EXISTS (
    SELECT FROM held h LEFT JOIN campaigns c ON c.tenant = h.tenant AND c.id = h.campaign
    WHERE h.reason = a.reason AND h.carrier = a.carrier AND h.lane = a.lane AND h.waiting > 0 AND h.lease_until < %(now)s
      AND /* may_go_now */)
