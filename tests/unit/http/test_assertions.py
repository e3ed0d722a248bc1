"""Who calls: only what control signed, for this service, a moment ago."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.events.directory import Role
from shared.http.assertions import (
    LIFETIME,
    AssertionSigner,
    AssertionVerifier,
    Caller,
    InvalidAssertionError,
)

SIGNER = AssertionSigner(b"s" * 32)
VERIFIER = AssertionVerifier.from_jwks(SIGNER.jwks(), audience="billing")
ADA = Caller(user_id=7, username="ada", role=Role.ADMIN, workspace_id=70, session_id=9)


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)  # at each call: a suite runs for longer than an assertion lives
    return {
        "iss": "ledgerline/control",
        "aud": "billing",
        "sub": "7",
        "iat": now,
        "exp": now + LIFETIME,
        "username": "ada",
        "role": 10,
        "workspace_id": 70,
        "key_id": None,
        **changes,
    }


def encoded(payload: dict[str, Any], *, key: Any = None, algorithm: str = "EdDSA") -> str:
    signing = key if key is not None else Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    return jwt.encode(payload, signing, algorithm=algorithm, headers={"kid": SIGNER.key_id})


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_what_control_signed_is_believed() -> None:
    assert VERIFIER.verify(SIGNER.sign(ADA, audience="billing")) == ADA
    assert VERIFIER.verify(encoded(claims())).username == "ada"


def forged() -> dict[str, str]:
    """Made when they are tried: an expired one would be refused for its age alone."""
    now = datetime.now(UTC)
    head, body, signature = SIGNER.sign(ADA, audience="billing").split(".")
    return {
        "empty": "",
        "no token": "x",
        "three dots": "...",
        "another signer's": AssertionSigner(b"x" * 32).sign(ADA, audience="billing"),
        "another's under our key id": encoded(
            claims(), key=Ed25519PrivateKey.from_private_bytes(b"x" * 32)
        ),
        "for another service": SIGNER.sign(ADA, audience="control"),
        "expired": SIGNER.sign(ADA, audience="billing", now=now - LIFETIME - timedelta(seconds=10)),
        "of the future": SIGNER.sign(ADA, audience="billing", now=now + timedelta(minutes=5)),
        "without a signature": f"{head}.{body}.",
        "a changed body": f"{head}.{part({**claims(iat=1, exp=2**40), 'role': 100})}.{signature}",
        "alg none": f"{part({'alg': 'none', 'kid': SIGNER.key_id})}.{body}.",
        "hmac with the public key": encoded(
            claims(), key=base64.b64encode(SIGNER.public_key), algorithm="HS256"
        ),
        "key id of another type": f"{part({'alg': 'EdDSA', 'kid': ['x']})}.{body}.{signature}",
        "another issuer": encoded(claims(iss="ledgerline/relay")),
        "no end": encoded({k: v for k, v in claims().items() if k != "exp"}),
        "no subject": encoded({k: v for k, v in claims().items() if k != "sub"}),
        "a subject that is no id": encoded(claims(sub="ada")),
        "an unknown role": encoded(claims(role=7)),
        "no workspace": encoded({k: v for k, v in claims().items() if k != "workspace_id"}),
    }


@pytest.mark.parametrize("name", forged())
def test_anything_else_is_not(name: str) -> None:
    with pytest.raises(InvalidAssertionError):
        VERIFIER.verify(forged()[name])


@pytest.mark.parametrize(
    ("role", "key_id", "is_admin"),
    [
        (Role.USER, None, False),
        (Role.ADMIN, None, True),
        (Role.ROOT, None, True),
        (Role.ROOT, 3, False),
    ],
)
def test_a_key_is_never_an_administrator(role: Role, key_id: int | None, is_admin: bool) -> None:
    caller = Caller(user_id=1, username="a", role=role, workspace_id=1, key_id=key_id)
    assert caller.is_admin is is_admin


@pytest.mark.parametrize("jwks", [{}, {"keys": [{}]}, {"keys": [{"kid": "a", "x": "AAAA"}]}])
def test_what_is_no_key_set_is_refused(jwks: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        AssertionVerifier.from_jwks(jwks, audience="billing")
