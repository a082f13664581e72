ALTER TABLE rejections DROP COLUMN also;
ALTER TABLE rejections DROP COLUMN value;
