"""Interactions and where they come from: MovieLens, its mirror, files of one's own.

Uses locks, progress, serving.errors.
"""
