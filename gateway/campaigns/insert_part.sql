INSERT INTO campaign_parts (tenant, campaign, part, chunks, recipients, price, rejected_count, rejected, digest, at)
VALUES (%(tenant)s, %(campaign)s, %(part)s, %(chunks)s, %(recipients)s, %(price)s, %(rejected_count)s, %(rejected)s,
        %(digest)s, %(at)s)
ON CONFLICT (tenant, campaign, part) DO NOTHING
