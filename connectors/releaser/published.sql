-- campaign-commands has acknowledged this version, of a campaign or of a chunk: no two ids are alike.
WITH of_chunk AS (
    UPDATE canceled_messages SET published = %(version)s
    WHERE tenant = %(tenant)s::uuid AND chunk = %(campaign)s AND published < %(version)s AND version >= %(version)s
)
UPDATE campaigns SET published = %(version)s
WHERE tenant = %(tenant)s::uuid AND id = %(campaign)s AND published < %(version)s AND version >= %(version)s
