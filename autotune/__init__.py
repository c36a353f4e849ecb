"""The autotuner: knobs, search, measuring in worker processes, the database of results."""
