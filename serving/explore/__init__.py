"""The page on which people try models: a small process that asks a server; uses client, version and contract."""
