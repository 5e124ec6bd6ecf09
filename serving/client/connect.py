"""From a server's address to what asks it: REST, gRPC, or a version folder in this process."""

from __future__ import annotations

from pathlib import Path
from urllib.request import url2pathname

from serving.client.patience import Patient
from serving.client.transport import Transport, split
from serving.errors import Failure


def connect(server: str, *, timeout: float) -> Transport:
    """Return a transport to http://, https://, grpc:// or file:///FOLDER; nothing is connected yet.

    Raises:
        Failure: the address is none of these.
    """
    parts = split(server)
    # Imported by who asks for it: each takes longer to load than a request takes to answer.
    if parts.scheme == "file":
        from serving.client.offline import Offline

        return Offline(Path(url2pathname(parts.path)))
    if parts.scheme not in ("http", "https", "grpc") or not parts.hostname:
        raise Failure(f"server {server!r}, expected http://HOST:PORT, https://HOST:PORT or grpc://HOST:PORT")
    if parts.scheme == "grpc":
        from serving.client.grpc import Grpc

        return Patient(Grpc(server, timeout=timeout))
    from serving.client.rest import Rest

    return Patient(Rest(server, timeout=timeout))
