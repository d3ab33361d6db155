"""Where ciphertext lies: a folder, or any S3 endpoint. Both pass one conformance suite."""
