SELECT carrier, rate, extract(epoch FROM since)::float8 FROM carrier_rates ORDER BY since
