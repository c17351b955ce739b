"""Where records are loaded: one DuckDB file for each environment and extract."""
