"""Measure the index, and the whole way on generated data.

Uses any room below.
"""
