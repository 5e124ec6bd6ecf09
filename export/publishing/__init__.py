"""A version, whole and proven or not at all: twin, warm-up, manifest, proof, roll-back; uses graph and all below."""
