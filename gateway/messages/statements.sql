-- Single messages; one statement a name.

-- name: find_accepted
-- Whether this index of this part became a message, before the sinks have it: the time of its part.
SELECT p.at FROM campaign_parts p
WHERE p.tenant = %(tenant)s AND p.campaign = %(campaign)s AND p.part = %(part)s
  AND %(index)s < p.recipients + p.rejected_count
  AND NOT EXISTS (SELECT FROM rejections r WHERE r.tenant = p.tenant AND r.campaign = p.campaign AND r.part = p.part
                  AND r.index = %(index)s);
