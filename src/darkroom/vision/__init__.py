"""SEE: boxes in, boxes and measures out; arrays only, no files and no models."""
