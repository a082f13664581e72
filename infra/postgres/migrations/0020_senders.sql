-- Verdicts with what stood there, masked, and with everything else that is wrong with the recipient.
ALTER TABLE rejections ADD COLUMN value text;
ALTER TABLE rejections ADD COLUMN also jsonb NOT NULL DEFAULT '[]';    -- faults: pointer, code, detail

-- What a message cost that came to nothing: the gateway asks which of its sends were charged.
GRANT SELECT ON reservations TO sluice_app;
