INSERT INTO dead_letters (partition, "offset", orig_topic, orig_partition, orig_offset, error_class, error_code,
                          error_message, service, failed_at, key, value, headers)
SELECT * FROM unnest(%s::smallint[], %s::bigint[], %s::text[], %s::integer[], %s::bigint[], %s::text[], %s::text[],
                     %s::text[], %s::text[], %s::bigint[], %s::bytea[], %s::bytea[], %s::jsonb[])
ON CONFLICT (partition, "offset") DO NOTHING
