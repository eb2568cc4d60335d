"""Benchmarks: our own code beside the field's, on the same input in one run; the tests run nothing of it."""
