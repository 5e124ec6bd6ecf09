"""Bring your own vectors: what was trained elsewhere, published like a model of ours.

Uses data, pipeline, publishing, waist, serving.errors.
"""
