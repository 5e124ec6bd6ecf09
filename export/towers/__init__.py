"""How the two TFRS models are built and trained: towers, losses, histories, the wide part.

Uses data, waist, serving.contract, serving.errors.
"""
