-- campaign-commands has acknowledged this version.
UPDATE campaigns SET published = %(version)s
WHERE tenant = %(tenant)s::uuid AND id = %(campaign)s AND published < %(version)s AND version >= %(version)s
