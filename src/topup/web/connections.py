"""One connection as the server keeps it: whoever sends or reads too slowly, or sends endless headers, is cut off.

uvicorn bounds none of this by itself (fault 83): a head that never ends would be waited for, and kept, for ever. How
slowly a body may come is `body_limit`'s to say. A proxy in front has bounds of its own; these hold without one.
"""

import asyncio

from typing_extensions import override
from uvicorn.protocols.http import httptools_impl

HEAD_SECONDS = 20.0
HEAD_BYTES_MAX = 64 * 1024
HEADERS_MAX = 100
UNREAD_SECONDS = 60.0
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connection(httptools_impl.HttpToolsProtocol):
    """uvicorn's connection, with an end to its patience."""

    _head_timer: asyncio.TimerHandle | None = None
    _unread_timer: asyncio.TimerHandle | None = None
    _is_in_head = True
    _head_bytes = 0
    _heads = 0

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._head_timer, self._unread_timer):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        was_in_head = self._is_in_head
        if was_in_head and self._head_timer is None:
            self._expect_head()
        heads = self._heads
        super().data_received(data)
        # What ended a message, or held whole heads, was not all head.
        is_all_head = was_in_head and self._is_in_head and self._heads == heads
        if is_all_head and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse_head()

    @override
    def on_headers_complete(self) -> None:
        self._is_in_head, self._head_bytes, self._heads = False, 0, self._heads + 1
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
        if len(self.headers) > HEADERS_MAX or _size(self.headers) + len(self.url) > HEAD_BYTES_MAX:
            self._refuse_head()
            return
        super().on_headers_complete()

    @override
    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        self._is_in_head = True
        if not self.transport.is_closing():
            super().on_message_complete()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_timer = self.loop.call_later(UNREAD_SECONDS, self.transport.abort)

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        if self._unread_timer is not None:
            self._unread_timer.cancel()
            self._unread_timer = None

    def _expect_head(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _refuse_head(self) -> None:
        self.transport.write(_TOO_LARGE)
        self.transport.close()


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)
