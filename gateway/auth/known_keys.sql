-- Every key in force with its tenant's permissions and balance.
SELECT id, tenant::text, hash, lanes, senders, balance, reserved FROM keys_in_force()
