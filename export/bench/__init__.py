"""Measure the whole way on generated data, one size in a process of its own; may use every room but the commands."""
