"""Where such models are hosted: what platforms ask of a container, and what they take.

Uses contract, engines, errors, http, repository, version.
"""
