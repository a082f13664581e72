DROP TABLE awaited_receipts;
