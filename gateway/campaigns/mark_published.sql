UPDATE campaigns SET published = GREATEST(published, %(version)s)
WHERE tenant = %(tenant)s AND id = %(id)s AND version = %(version)s
