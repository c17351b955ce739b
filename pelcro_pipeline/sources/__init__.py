"""Legacy systems: a map for each, and what makes of a delivered export what Pelcro's templates ask for."""
