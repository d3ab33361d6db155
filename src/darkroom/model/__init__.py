"""THE NOUNS: frozen values with their invariants. No input, no output, no clock."""
