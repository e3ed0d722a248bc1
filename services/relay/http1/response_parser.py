"""One response out of bytes that come in any pieces: httptools' parser, and what it leaves open.

llhttp itself refuses lengths that differ or repeat, a length together with a transfer coding, bad
chunk sizes and bare line feeds. Refused here: transfer codings other than `chunked`, heads and
trailers beyond MAX_QUIET_BYTES, a change of protocol, versions other than 1.0 and 1.1.
"""

from typing import Final

import httptools

MAX_QUIET_BYTES: Final = 64 * 1024
"""Bytes that may come with none of a body among them: heads, trailers, extensions of chunks."""
_FIRST: Final = 100
_FIRST_FINAL: Final = 200
_BODILESS: Final = frozenset({204, 304})
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_LINE_ENDS: Final = b"\r\n"
_END_BYTES: Final = 4
"""Of the empty line that ends a head, or the trailers after the last chunk."""
_LENGTH: Final = b"content-length"
_CODING: Final = b"transfer-encoding"


class MalformedError(Exception):
    """What came is not a response that we understand. Nothing more may be fed."""


class ResponseParser:
    """Parses the answer to one POST. Made anew for each, so that nothing is left of another's."""

    __slots__ = (
        "_field_bytes",
        "_keeps_alive",
        "_parser",
        "_quiet_bytes",
        "_until_eof",
        "has_junk",
        "headers",
        "is_complete",
        "is_head_complete",
        "on_body",
        "pieces",
        "status",
    )

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.pieces: list[bytes] = []
        """The body, as far as it has come. Whoever takes pieces clears the list, and keeps it."""
        self.is_head_complete = False
        self.is_complete = False
        self.has_junk = False
        """Something follows the response's end."""
        self._quiet_bytes = 0
        self._field_bytes = 0
        self._keeps_alive = False
        self._until_eof = False
        # The parser calls the list itself: no step of ours for each chunk.
        self.on_body = self.pieces.append
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow on the connection."""
        return self.is_complete and self._keeps_alive and not self.has_junk

    def feed(self, data: bytes) -> None:
        """Take what came. Raises MalformedError; what came before the fault stays in `pieces`."""
        if len(data) > _END_BYTES:
            self._feed(data)
        else:
            # An end may have begun in what came before: where it is, is seen byte by byte.
            for at in range(len(data)):
                self._feed(data[at : at + 1])

    def feed_eof(self) -> bool:
        """The connection has ended. Whether the response is whole."""
        self._parser = None
        if self.is_head_complete and self._until_eof:
            self.is_complete = True
        return self.is_complete

    def _feed(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            self.has_junk = True
            return
        before = len(self.pieces)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self.is_complete:
                self._parser = None
                raise MalformedError from None
            self.has_junk = True
        if len(self.pieces) != before:
            self._quiet_bytes = 0
        elif not self.is_complete:
            self._quiet_bytes += len(data)
            if self._quiet_bytes > MAX_QUIET_BYTES:
                self._parser = None
                raise MalformedError
        if self.is_complete:
            # It holds this object, and this object it.
            self._parser = None
            if data[-1] in _LINE_ENDS and len(data) > 1:
                self.has_junk = self.has_junk or not self._ends_with(data, before)

    def _ends_with(self, data: bytes, before: int) -> bool:
        """Whether the response ends where `data` ends; llhttp passes over line ends after it.

        In doubt it does not, which costs a connection and no more.
        """
        body = b"".join(self.pieces[before:])
        if not body or _CODING in self.headers:
            # The empty line after the head, or after the last chunk.
            return data.endswith(b"\r\n\r\n") and data[-_END_BYTES - 1] not in _LINE_ENDS
        # Only a body of nothing but line ends looks the same when it is moved by some.
        return data.endswith(body) and body.strip(_LINE_ENDS) != b""

    # --- called by httptools ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """After an interim response it begins again; after the final one it must not."""
        if self.is_complete:
            self.has_junk = True
            raise MalformedError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Also for each trailer, which nobody asks for."""
        self._field_bytes += len(name) + len(value)
        if self.is_complete or self._field_bytes > MAX_QUIET_BYTES:
            raise MalformedError
        if self.is_head_complete:
            return
        key = name.lower()
        if key not in self.headers:
            self.headers[key] = value
        elif key == _CODING:
            raise MalformedError

    def on_headers_complete(self) -> None:
        """The head of an interim or of the final response."""
        parser = self._parser
        if parser is None or self.is_complete:
            raise MalformedError
        self.status = status = parser.get_status_code()
        if status < _FIRST_FINAL:
            if status < _FIRST:
                raise MalformedError
            return
        if parser.get_http_version() not in _VERSIONS:
            raise MalformedError
        coding = self.headers.get(_CODING)
        if coding is not None and coding.strip().lower() != b"chunked":
            raise MalformedError
        self._keeps_alive = parser.should_keep_alive()
        self._until_eof = coding is None and _LENGTH not in self.headers and status not in _BODILESS
        self.is_head_complete = True

    def on_message_complete(self) -> None:
        """An interim response leaves nothing behind."""
        if self.is_head_complete:
            self.is_complete = True
        else:
            self.status = 0
            self.headers.clear()
