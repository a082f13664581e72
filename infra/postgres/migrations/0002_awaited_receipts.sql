-- Which chunks have messages that rest in `sent`, at which carrier and since when: so that the releaser finds those whose
-- receipt is overdue without reading `chunks`. The sink of message-events keeps the rows, the releaser leases them.

CREATE TABLE awaited_receipts (
    tenant uuid NOT NULL,
    chunk text NOT NULL,
    carrier smallint NOT NULL,               -- carriers.number
    since integer NOT NULL,                  -- epoch seconds: when the first of these messages came to rest
    lease_until bigint NOT NULL DEFAULT 0,   -- 0 = free; else a releaser is at it, or has told and waits for the sink
    PRIMARY KEY (tenant, chunk, carrier)
);
CREATE INDEX awaited_receipts_since ON awaited_receipts (carrier, since) WHERE lease_until = 0;
CREATE INDEX awaited_receipts_lease ON awaited_receipts (lease_until) WHERE lease_until > 0;

DO $$
BEGIN
    ALTER TABLE awaited_receipts ENABLE ROW LEVEL SECURITY;
    ALTER TABLE awaited_receipts FORCE ROW LEVEL SECURITY;
    EXECUTE format('CREATE POLICY operator ON awaited_receipts TO %I USING (true) WITH CHECK (true)', current_user);
END $$;

-- What rests already. 9 is the rank of `sent`, 104 the number of `no_receipt`.
INSERT INTO awaited_receipts (tenant, chunk, carrier, since)
SELECT c.tenant, c.chunk, m.carrier, min(m.second)
FROM chunks c
CROSS JOIN LATERAL unnest(c.sequences, c.reasons, c.seconds, c.carriers) AS m (sequence, reason, second, carrier)
WHERE m.sequence % 16 = 9 AND m.reason <> 104 AND m.carrier <> 0
GROUP BY c.tenant, c.chunk, m.carrier;
