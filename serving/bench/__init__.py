"""Load on any server that speaks TensorFlow Serving, and what it gave.

Uses client, contract, errors.
"""
