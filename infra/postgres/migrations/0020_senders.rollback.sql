REVOKE SELECT ON reservations FROM sluice_app;
ALTER TABLE rejections DROP COLUMN also;
ALTER TABLE rejections DROP COLUMN value;
