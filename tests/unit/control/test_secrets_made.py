import hashlib
import re

from services.control.secrets_made import (
    hash_secret,
    key_prefix,
    masked_key,
    new_access_token,
    new_key_secret,
    new_session_token,
    strip_key_mark,
)


def test_each_secret_is_long_and_its_own() -> None:
    assert re.fullmatch(r"[A-Za-z0-9]{48}", new_key_secret())
    assert re.fullmatch(r"[A-Za-z0-9]{32}", new_access_token())
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", new_session_token())
    assert len({make() for make in [new_key_secret, new_session_token] for _ in range(100)}) == 200


def test_a_key_is_hashed_without_its_mark() -> None:
    secret = new_key_secret()
    shown = f"sk-{secret}"
    assert hash_secret(strip_key_mark(shown)) == hashlib.sha256(secret.encode()).digest()
    assert strip_key_mark(secret) == secret


def test_a_mask_shows_four_characters() -> None:
    secret = new_key_secret()
    assert masked_key(key_prefix(secret)) == f"sk-{secret[:4]}**********"


def test_any_text_can_be_looked_up() -> None:
    assert len(hash_secret("\ud800\x00")) == 32
