DROP VIEW messages, unsettled_positions;
DROP FUNCTION keys_in_force();
DROP TABLE dead_letters, parked_receipts, receipt_parts, uncertain_positions, carrier_refs, held, attempt_chunks,
    campaign_spend, campaign_counts, chunks, unconfirmed_chunks, message_keys, chunk_payloads, rejections, campaign_parts,
    campaigns, allowances, reservations, balances, sink_offsets, routes, carrier_rates, carriers, api_keys, tenants, config_version;
DROP FUNCTION bump_config();
DROP FUNCTION tell_releaser();
DROP FUNCTION note_rate();
DROP FUNCTION app_tenant();
