"""HTTP/1.1 on a socket, near enough to it to break off, reset, cut and trickle an answer where a fault says so.

That is why no ASGI server stands between: through one, neither a reset nor half of an answer can be sent.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple

_MOST_HEAD = 32 * 1024
_MOST_BODY = 16 * 1024 * 1024
_REASONS = {status.value: status.phrase for status in HTTPStatus}


class Request(NamedTuple):
    """One request. Header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One client's connection: one request at a time, kept alive until either side closes it."""

    def __init__(self, receive: Callable[[Connection, Request], None], connections: set[Connection]) -> None:
        self._receive, self._connections = receive, connections
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._busy = self._keeps = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._connections.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._unread += data
        self._read()

    def _read(self) -> None:
        if self._busy or self._transport is None:
            return
        end = self._unread.find(b"\r\n\r\n")
        if end < 0:
            if len(self._unread) > _MOST_HEAD:
                self._refuse(431)
            return
        lines = bytes(self._unread[:end]).decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            self._refuse(400)
            return
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip(" \t")
        length = headers.get("content-length", "0")
        if "transfer-encoding" in headers:
            self._refuse(411)
        elif not (length.isascii() and length.isdigit()):
            self._refuse(400)
        elif int(length) > _MOST_BODY:
            self._refuse(413)
        elif len(self._unread) >= end + 4 + int(length):
            body = bytes(self._unread[end + 4 : end + 4 + int(length)])
            del self._unread[: end + 4 + int(length)]
            self._busy = True
            asked = headers.get("connection", "").lower()
            self._keeps = asked != "close" and (parts[2] == "HTTP/1.1" or asked == "keep-alive")
            self._receive(self, Request(parts[0], parts[1], headers, body))
        elif headers.get("expect", "").lower() == "100-continue" and len(self._unread) == end + 4:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, status: int) -> None:
        self._keeps = False
        self.answer(status, b"")

    # What becomes of an answer.

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer in full, and read the next request."""
        if self._transport is None:
            return
        self._transport.write(head(status, len(body), {} if headers is None else headers, keeps=self._keeps) + body)
        self.answered()

    def answered(self) -> None:
        """Read the next request, after an answer that was sent in pieces."""
        self._busy = False
        if self._transport is None:
            return
        if not self._keeps:
            self._transport.close()
        elif self._unread:
            asyncio.get_running_loop().call_soon(self._read)

    def send(self, data: bytes) -> bool:
        """Send bytes as they are; False where the client has gone."""
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(data)
        return True

    def close(self) -> None:
        """Close after what was sent, with no more."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Reset: the client's next read fails."""
        if self._transport is not None:
            linger = struct.pack("ii", 1, 0)
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()


def head(status: int, length: int, headers: Mapping[str, str], *, keeps: bool = True) -> bytes:
    """The head of an answer."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if status != HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {length}")
    if not keeps:
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
