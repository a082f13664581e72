-- The version before knows carriers in their order alone; those of a cheapest route stand in the order of their costs.
ALTER TABLE routes DROP CONSTRAINT routes_strategy_check, DROP COLUMN weights, DROP COLUMN costs, DROP COLUMN strategy;
