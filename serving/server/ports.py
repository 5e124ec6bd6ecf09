"""The TCP ports of the server: bound here, so that what cannot be bound is one sentence."""

from __future__ import annotations

import socket

from serving.errors import Failure


def address(host: str, port: int) -> str:
    """Return an address as URLs and gRPC have it, an IPv6 one in brackets.

    >>> address("localhost", 8500), address("::1", 8500)
    ('localhost:8500', '[::1]:8500')
    """
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(host: str, port: int, *, share: bool, flag: str = "--rest-port") -> socket.socket:
    """Bind the TCP port that ``flag`` names; ``share`` lets other processes bind it too, and the kernel deals out.

    Raises:
        Failure: the port is taken, or the host is none of this machine.
    """
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if share:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            bound.bind(place)
        except OSError:
            bound.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "that is no name of a host"
        raise Failure(f"cannot listen on {address(host, port)}: {reason}; another port is {flag} 0") from error
    return bound
