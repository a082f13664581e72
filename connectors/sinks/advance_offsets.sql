UPDATE koff SET next = given.next
FROM unnest(%s::text[], %s::smallint[], %s::bigint[], %s::bigint[]) AS given (topic, partition, next, epoch)
WHERE koff.topic = given.topic AND koff.partition = given.partition AND koff.epoch = given.epoch
