SELECT status, version, published, lane, sender, body, smart, validity_seconds, max_price FROM campaigns
WHERE tenant = %(tenant)s AND id = %(id)s
