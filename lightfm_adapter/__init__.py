"""LightFM to plain vectors: needs numpy and LightFM, knows no TensorFlow."""
