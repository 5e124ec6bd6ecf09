"""One server process, or several on the same ports; uses api and all below."""

from serving.server.server import Config, Ready, serve

__all__ = ["Config", "Ready", "serve"]
