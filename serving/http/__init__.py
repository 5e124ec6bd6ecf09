"""HTTP/1.1: connections with limits.

Uses nothing of ours.
"""
