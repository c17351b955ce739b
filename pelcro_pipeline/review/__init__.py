"""What a publisher reviews and signs."""
