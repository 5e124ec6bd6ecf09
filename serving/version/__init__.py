"""Read a version folder without running it.

Uses contract, errors, proto.
"""
