-- Which tables of maintenance hold anything to work on; the order is that of MAINTENANCE.
SELECT EXISTS (SELECT FROM campaigns WHERE published < version)
        OR EXISTS (SELECT FROM canceled_messages WHERE published < version),
    EXISTS (SELECT FROM parked_receipts),
    EXISTS (SELECT FROM uncertain_positions),
    EXISTS (SELECT FROM allowances WHERE expires_at < %(now)s),
    EXISTS (SELECT FROM unconfirmed_chunks),
    EXISTS (SELECT FROM ref_pages WHERE due_at <= %(now)s),
    EXISTS (SELECT FROM canceled_messages WHERE open),
    EXISTS (SELECT FROM canceled_messages WHERE NOT open AND at < %(canceled_before)s)
