INSERT INTO campaigns (tenant, id, name, sender, body, lane, smart, validity_seconds, max_price, status, version,
                       published, grouping, digest, answer, created_at, started_at)
VALUES (%(tenant)s, %(id)s, %(name)s, %(sender)s, %(body)s, %(lane)s, %(smart)s, %(validity_seconds)s, %(max_price)s,
        %(status)s, 1, 0, %(grouping)s, %(digest)s, %(answer)s, %(at)s, %(started_at)s)
ON CONFLICT (tenant, id) DO NOTHING
