"""What stands becomes the template files; what does not goes to the archive."""
