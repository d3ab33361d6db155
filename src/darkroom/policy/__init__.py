"""MAY IT? From nouns to verdicts. Nothing combined is a denial."""
