"""What records must hold to: every rule declared, every relation a named query, one disposition for each object."""
