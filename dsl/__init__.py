"""What a user's call becomes: arrays, data types, primitives with all their rules, graphs."""
