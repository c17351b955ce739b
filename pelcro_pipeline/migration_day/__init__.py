"""Migration day: who is charged what, by which card, and what the 90 days after it bring."""
