SELECT recipients, rejected_count, rejected, digest FROM campaign_parts
WHERE tenant = %(tenant)s AND campaign = %(campaign)s AND part = %(part)s
