"""Measure the index, and the whole way on generated data; may use every room but the commands."""
