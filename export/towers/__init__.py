"""How the two TFRS models are built and trained: towers, losses, histories, the wide part; uses waist and data."""
