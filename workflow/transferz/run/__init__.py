"""A run looked at as a whole: invariants of its products, and benchmarks."""
