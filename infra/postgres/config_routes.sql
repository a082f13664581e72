SELECT prefix, carriers, price FROM routes ORDER BY length(prefix) DESC, prefix
