SELECT id, number FROM carriers
