ALTER TABLE parked_receipts DROP COLUMN key;
DROP TABLE message_refs, ref_blocks;
