"""State in SQLite files: one module per store."""
