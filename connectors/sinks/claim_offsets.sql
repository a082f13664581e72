INSERT INTO sink_offsets (topic, topic_id, partition, next, epoch)
SELECT topic, topic_id, partition, 0, 1
FROM unnest(%s::text[], %s::text[], %s::smallint[]) AS given (topic, topic_id, partition)
ORDER BY topic, partition
ON CONFLICT (topic, partition) DO UPDATE
SET epoch = sink_offsets.epoch + 1, topic_id = EXCLUDED.topic_id,
    next = CASE WHEN sink_offsets.topic_id = EXCLUDED.topic_id THEN sink_offsets.next ELSE 0 END
RETURNING topic, partition, next, epoch
