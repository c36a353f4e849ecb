"""Measured figures, each beside its peers: `python -m benchmarks`, or one: `... matmul`."""
