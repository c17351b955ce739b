"""Raw text to canonical values: one row out for each record in, every breach marked in the same pass."""
