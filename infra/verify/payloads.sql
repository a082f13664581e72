SELECT tenant::text, chunk, campaign, part, size, lane, accepted_at, indexes FROM chunk_payloads
