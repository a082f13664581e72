DROP FUNCTION waiting_rows(bigint), leased_rows(bigint);
DROP TABLE canceled_messages, scheduler;
