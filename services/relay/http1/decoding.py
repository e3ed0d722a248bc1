"""Bodies that come compressed although `identity` was asked for."""

import zlib
from typing import Final

MAX_PIECE_BYTES: Final = 256 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS
_DEFLATE_METHOD: Final = 8


class NotDecodableError(Exception):
    """The coding is not known, or the bytes are not what it says."""


class Decoder:
    """Decodes as much as is asked for, so that a small body cannot become a large one in memory."""

    def __init__(self, coding: str) -> None:
        """`coding` as `decoder_for` has it."""
        self._coding = coding
        self._inflate: zlib._Decompress | None = None
        self._waiting = b""

    def feed(self, data: bytes) -> None:
        """Add what came. Only where `take` has nothing more."""
        self._waiting += data

    def take(self) -> bytes:
        """At most MAX_PIECE_BYTES; empty where more must be fed. Raises NotDecodableError."""
        while True:
            if self._inflate is None:
                if not self._waiting:
                    return b""
                self._inflate = zlib.decompressobj(self._window_bits())
            inflate = self._inflate
            try:
                piece = inflate.decompress(self._waiting, MAX_PIECE_BYTES)
            except zlib.error:
                raise NotDecodableError from None
            self._waiting = inflate.unconsumed_tail
            if inflate.eof:
                # Gzip may have several members, one after the other.
                self._waiting, self._inflate = inflate.unused_data, None
                if self._waiting and self._coding != "gzip":
                    raise NotDecodableError
            if piece or self._inflate is not None:
                return piece

    def check_end(self) -> None:
        """Raises NotDecodableError where the body ended in the middle."""
        if self._inflate is not None or self._waiting:
            raise NotDecodableError

    def _window_bits(self) -> int:
        if self._coding == "gzip":
            return _GZIP
        # "deflate" should be zlib's format, and is often the bare one.
        has_header = self._waiting[0] & 0x0F == _DEFLATE_METHOD
        return zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS


def decoder_for(content_encoding: bytes | None) -> Decoder | None:
    """None where nothing is to be decoded. Raises NotDecodableError for what is not known."""
    if content_encoding is None:
        return None
    coding = content_encoding.strip().lower()
    if coding in {b"", b"identity"}:
        return None
    if coding in {b"gzip", b"x-gzip"}:
        return Decoder("gzip")
    if coding == b"deflate":
        return Decoder("deflate")
    raise NotDecodableError
