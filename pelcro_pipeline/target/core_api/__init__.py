"""A Pelcro site over its Core API, as a target: what is called, what was done, and how it is read back and undone."""
