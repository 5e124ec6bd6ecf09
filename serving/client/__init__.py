"""Ask anything that speaks TensorFlow Serving, or a version's twin; uses engines and wire."""

from serving.client.client import Client, Ranked, ServerError

__all__ = ["Client", "Ranked", "ServerError"]
