"""Ask anything that speaks TensorFlow Serving, or a version's twin.

Uses contract, engines, errors, proto, wire.
"""

from serving.client.client import Client, Ranked, ServerError

__all__ = ["Client", "Ranked", "ServerError"]
