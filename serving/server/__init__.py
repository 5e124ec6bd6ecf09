"""One server process, or several on the same ports.

Uses api, engines, errors, hosting, http, printable, repository, version.
"""

from serving.server.server import Config, Ready, serve

__all__ = ["Config", "Ready", "serve"]
