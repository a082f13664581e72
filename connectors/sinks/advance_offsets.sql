UPDATE sink_offsets SET next = given.next
FROM unnest(%s::text[], %s::smallint[], %s::bigint[], %s::bigint[]) AS given (topic, partition, next, epoch)
WHERE sink_offsets.topic = given.topic AND sink_offsets.partition = given.partition AND sink_offsets.epoch = given.epoch
