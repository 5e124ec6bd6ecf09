"""Train, index, publish; needs TensorFlow.

TFRS is written for Keras 2. Which Keras ``tf.keras`` is, is decided once, when it is first touched, so the
choice is made here, before any module of this package can import TensorFlow.
"""

import os

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
