SELECT tenant::text, chunk, campaign, sequences, seconds, price > 0 FROM chunks
