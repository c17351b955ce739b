"""Migration day: who is charged what, by which card, who can log in, and what the 90 days after it bring."""
