"""The page on which people try models: a small process that asks a server.

Uses client, contract, errors, installed, repository, version.
"""
