DROP TRIGGER carriers_audit ON carriers;
DROP TRIGGER stops_audit ON stops;
DROP TRIGGER campaign_retries_audit ON campaign_retries;
DROP TRIGGER campaigns_audit ON campaigns;
DROP FUNCTION waiting_rows(bigint), leased_rows(bigint), audit_rows(bigint, integer);
DROP TABLE canceled_messages, scheduler, audit;
DROP FUNCTION audit_campaign(), audit_retry(), audit_message(), audit_stop(), audit_scheduler(), audit_settings();
