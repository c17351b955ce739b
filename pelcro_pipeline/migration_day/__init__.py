"""Migration day: who is charged what, with which card, and who can log in."""
