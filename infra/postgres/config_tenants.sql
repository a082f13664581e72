SELECT id::text, name, lanes, senders, balance_short, charge_uncertain FROM tenants ORDER BY id
