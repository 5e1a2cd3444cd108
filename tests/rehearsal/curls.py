"""libcurl within asyncio: any number of transfers at once, each as a browser would make it.

libcurl finishes what is under way when a server says good-bye (GOAWAY, `Connection: close`), and sends a request again
over a connection of its own when one that was kept turns out to be dead before a byte of the answer came.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pycurl

# of libcurl's many: what becomes of a request when nobody answers it
CLASSES = {
    pycurl.E_OPERATION_TIMEDOUT: "gave up",
    pycurl.E_COULDNT_CONNECT: "refused",
    pycurl.E_SSL_CONNECT_ERROR: "broken in TLS",
    pycurl.E_GOT_NOTHING: "closed without an answer",
    pycurl.E_SEND_ERROR: "reset",
    pycurl.E_RECV_ERROR: "reset",
    pycurl.E_PARTIAL_FILE: "cut",
    pycurl.E_HTTP2: "broken in HTTP/2",
    92: "broken in HTTP/2",
}


class Curls:
    """One pool of connections. Used in the loop's own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._wake_in)
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: dict[pycurl.Curl, asyncio.Future[str | None]] = {}

    async def send(self, curl: pycurl.Curl) -> str | None:
        """Returns when the transfer is over: None when it was answered, else what became of it, in a few words."""
        over: asyncio.Future[str | None] = self._loop.create_future()
        self._under_way[curl] = over
        self._multi.add_handle(curl)
        return await over

    def _watch(self, what: int, descriptor: int, multi: object, data: object) -> None:
        for remove in (self._loop.remove_reader, self._loop.remove_writer):
            with suppress(ValueError, OSError):
                remove(descriptor)
        if what in (pycurl.POLL_IN, pycurl.POLL_INOUT):
            self._loop.add_reader(descriptor, self._go_on, descriptor, pycurl.CSELECT_IN)
        if what in (pycurl.POLL_OUT, pycurl.POLL_INOUT):
            self._loop.add_writer(descriptor, self._go_on, descriptor, pycurl.CSELECT_OUT)

    def _wake_in(self, milliseconds: int) -> None:
        if self._timer:
            self._timer.cancel()
        # never at once: libcurl calls this from within, and may not be called back there
        self._timer = (
            self._loop.call_later(milliseconds / 1000, self._go_on, pycurl.SOCKET_TIMEOUT, 0)
            if milliseconds >= 0
            else None
        )

    def _go_on(self, descriptor: int, events: int) -> None:
        self._multi.socket_action(descriptor, events)
        while True:
            left, well, ill = self._multi.info_read()
            for curl in well:
                self._ended(curl, None)
            for curl, code, text in ill:
                self._ended(curl, CLASSES.get(code, f"curl {code}: {text}"))
            if not left:
                return

    def _ended(self, curl: pycurl.Curl, failure: str | None) -> None:
        self._multi.remove_handle(curl)
        self._under_way.pop(curl).set_result(failure)
