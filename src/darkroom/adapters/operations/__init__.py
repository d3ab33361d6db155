"""The operator's port of a process: what it counts, whether it lives, whether it is ready."""
