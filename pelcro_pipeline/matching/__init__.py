"""Schema matching: a map proposed from exports that no map is of, and what a map of your own leaves open."""
