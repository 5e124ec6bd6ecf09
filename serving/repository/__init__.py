"""What is loaded and what is to be: sources, snapshots, reloads; uses engines and version."""
