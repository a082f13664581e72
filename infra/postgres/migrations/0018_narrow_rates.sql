-- Rates within a carrier's rate: of each sender id, of single ones, and by the first digits of the number. A small table.

ALTER TABLE carriers
    ADD COLUMN sender_rate double precision,
    ADD COLUMN sender_rates jsonb NOT NULL DEFAULT '{}',   -- by sender id
    ADD COLUMN network_rates jsonb NOT NULL DEFAULT '{}';  -- by prefix, digits alone
