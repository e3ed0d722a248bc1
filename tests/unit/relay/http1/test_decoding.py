"""Compressed bodies: decoded in bounded pieces, and never believed beyond their end."""

import gzip
import zlib

import pytest

from services.relay.http1.decoding import (
    MAX_PIECE_BYTES,
    Decoder,
    NotDecodableError,
    decoder_for,
)

BODY = b'{"choices":[{"message":{"content":"hello"}}]}' * 50


def bare(body: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflate.compress(body) + deflate.flush()


CODED = {
    "gzip": ("gzip", gzip.compress(BODY)),
    "members": ("gzip", gzip.compress(BODY[:70]) + gzip.compress(BODY[70:])),
    "deflate": ("deflate", zlib.compress(BODY)),
    "bare deflate": ("deflate", bare(BODY)),
}


def decoder(coding: str) -> Decoder:
    found = decoder_for(coding.encode())
    assert found is not None
    return found


def decoded(decoder: Decoder, *pieces: bytes) -> bytes:
    body = b""
    for piece in pieces:
        decoder.feed(piece)
        while part := decoder.take():
            assert len(part) <= MAX_PIECE_BYTES
            body += part
    decoder.check_end()
    return body


@pytest.mark.parametrize("name", CODED)
def test_decoded_however_it_is_cut(name: str) -> None:
    coding, raw = CODED[name]
    for at in range(1, len(raw)):
        assert decoded(decoder(coding), raw[:at], raw[at:]) == BODY
    assert decoded(decoder(coding), *(raw[at : at + 1] for at in range(len(raw)))) == BODY


def test_a_small_body_that_is_large_comes_in_pieces() -> None:
    raw = gzip.compress(bytes(50_000_000))
    assert len(raw) < 100_000
    found = decoder("gzip")
    found.feed(raw)
    size = 0
    while part := found.take():
        assert len(part) <= MAX_PIECE_BYTES
        size += len(part)
    found.check_end()
    assert size == 50_000_000


@pytest.mark.parametrize("name", ["gzip", "deflate", "bare deflate"])
def test_an_end_in_the_middle_is_told(name: str) -> None:
    coding, raw = CODED[name]
    with pytest.raises(NotDecodableError):
        decoded(decoder(coding), raw[:-1])


@pytest.mark.parametrize(
    ("coding", "raw"),
    [
        ("gzip", BODY),
        ("deflate", b"\x08nonsense"),
        ("gzip", gzip.compress(BODY) + b"junk"),
        ("deflate", zlib.compress(BODY) + b"junk"),
    ],
)
def test_what_is_not_coded_so_is_told(coding: str, raw: bytes) -> None:
    with pytest.raises(NotDecodableError):
        decoded(decoder(coding), raw)


def test_codings() -> None:
    assert decoder_for(None) is decoder_for(b"identity") is decoder_for(b" ") is None
    assert decoder_for(b"GZIP") is not None
    for unknown in (b"br", b"zstd", b"gzip, gzip", b"x"):
        with pytest.raises(NotDecodableError):
            decoder_for(unknown)
