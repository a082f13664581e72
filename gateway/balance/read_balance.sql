SELECT balance, reserved FROM balances WHERE tenant = %(tenant)s
