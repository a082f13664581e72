-- A tenant's money; one statement a name.

-- name: read_balance
SELECT balance, reserved FROM balances WHERE tenant = %(tenant)s;
