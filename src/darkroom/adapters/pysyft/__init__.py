"""PySyft: the only package that imports `syft*`."""
