"""Where such models are hosted: what platforms ask of a container, and what they take; uses api and engines."""
