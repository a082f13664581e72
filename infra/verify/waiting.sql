SELECT tenant::text, chunk, positions FROM held WHERE waiting > 0
