# Everything here works from a fresh clone with Python 3.11, 3.12 or 3.13 and the package registry.
