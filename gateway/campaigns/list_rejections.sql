SELECT part, index, pointer, code, detail FROM rejections
WHERE tenant = %(tenant)s AND campaign = %(campaign)s
  AND (part, index) > (%(part)s, %(index)s)
ORDER BY part, index LIMIT %(limit)s
