"""Resetting a connection once the other side has all that was sent before."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys

_PATIENCE = 1.0


async def reset(connection: socket.socket) -> None:
    """Make the closing that follows a reset, which would throw away what is still on its way."""
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    with contextlib.suppress(OSError):  # the client was faster
        while _on_its_way(connection) and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.0005)
        # Closing a socket that lingers for no time resets the connection.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _on_its_way(connection: socket.socket) -> int:
    """Bytes that the other side has not acknowledged; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    answer = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
    return int(struct.unpack("i", answer)[0])
