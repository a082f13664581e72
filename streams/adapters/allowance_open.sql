-- A new allowance.
INSERT INTO allowances (tenant, lease, amount, expires_at) VALUES (%(tenant)s, %(lease)s, %(amount)s, %(expires_at)s)
