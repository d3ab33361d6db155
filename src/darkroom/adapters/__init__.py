"""One file or folder per outside thing. Foreign exceptions stop here."""
