"""The faces of reports: pages that need no network, and workbooks that people fill in."""
