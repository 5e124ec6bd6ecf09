"""Is it any good: protocols, metrics, baselines, search, the leaderboard and its page of plots, time of an answer.

Uses data, forecast, graph, models, pipeline, progress, publishing, waist, writable, serving.client, serving.contract,
serving.engines, serving.errors, serving.proto, serving.version, serving.wire.
"""
