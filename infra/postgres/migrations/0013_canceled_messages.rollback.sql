DROP TABLE canceled_messages;
