"""Zone 1: a data scientist drafts, submits, waits and collects. Never sees private data."""
