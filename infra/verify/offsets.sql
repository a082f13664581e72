SELECT topic, partition, next FROM koff
