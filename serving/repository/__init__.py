"""What is loaded and what is to be: sources, snapshots, reloads.

Uses engines, errors, printable, proto, version, wire.
"""
