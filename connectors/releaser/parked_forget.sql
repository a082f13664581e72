-- Receipts that no message claimed in three days belong to nobody here.
DELETE FROM parked_receipts WHERE at < %(before)s
