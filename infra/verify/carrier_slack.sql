SELECT id, binds, window_size FROM carriers
