"""Benchmarks: each prints one JSON line. `make bench BENCH=name` runs one."""
