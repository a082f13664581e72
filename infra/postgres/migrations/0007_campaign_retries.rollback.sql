DROP TABLE campaign_retries;
