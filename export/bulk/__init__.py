"""A version for everyone at once: all lists and all vectors as files; uses serving's client, publishing and below."""
