SELECT prefix, carriers, price FROM routes
