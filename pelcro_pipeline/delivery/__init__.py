"""Delivered files, in any layout, to raw tables: text, with file and physical line."""
