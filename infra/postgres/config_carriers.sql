SELECT id, number, kind, rate, window_size, binds, receipt_wait_seconds, one_receipt_for_all_parts, partition, settings,
       secret_key_id, secret
FROM carriers ORDER BY number
