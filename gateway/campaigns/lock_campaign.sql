-- Whoever changes a campaign or adds a part to it holds this lock until the end of the transaction.
SELECT status, max_price FROM campaigns WHERE tenant = %(tenant)s AND id = %(id)s FOR UPDATE
