-- How a route chooses among its carriers: in their order, by weight, or by what each costs us (then the order is that of the
-- costs). `costs` per segment in ten-thousandths; both lists go with `carriers`, one entry each.
ALTER TABLE routes
    ADD COLUMN strategy text NOT NULL DEFAULT 'order',
    ADD COLUMN costs bigint[] NOT NULL DEFAULT '{}',
    ADD COLUMN weights integer[] NOT NULL DEFAULT '{}';
-- squawk-ignore constraint-missing-not-valid
ALTER TABLE routes ADD CONSTRAINT routes_strategy_check CHECK (strategy IN ('order', 'cheapest', 'weighted'));
