"""Raw text to canonical values: one row out for each record in, every violation marked in the same pass."""
