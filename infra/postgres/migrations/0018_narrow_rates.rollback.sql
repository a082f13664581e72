-- The version before knows the carrier's own rate alone.
ALTER TABLE carriers DROP COLUMN sender_rate, DROP COLUMN sender_rates, DROP COLUMN network_rates;
