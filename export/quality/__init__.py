"""Is it any good: protocols, metrics, baselines, search, report, index benchmark; uses the pipeline and all below."""
