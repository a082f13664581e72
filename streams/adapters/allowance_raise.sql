-- An allowance gets more, and more time; no row: it has ended.
UPDATE allowances SET amount = amount + %(amount)s, expires_at = %(expires_at)s
WHERE tenant = %(tenant)s AND lease = %(lease)s
