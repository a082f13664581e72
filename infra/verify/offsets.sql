SELECT topic, partition, next FROM sink_offsets
