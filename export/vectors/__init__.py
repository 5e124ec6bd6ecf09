"""Bring your own vectors: what was trained elsewhere, published like a model of ours; uses the pipeline and below."""
