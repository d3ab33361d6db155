"""Where dataset versions lie at the domain: a folder, or sealed in an object store."""
