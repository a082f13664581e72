SELECT tenant::text, chunk, campaign, sequences, seconds FROM chunks
