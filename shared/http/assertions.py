"""Who calls `/api/*`: a short-lived EdDSA JWT that `control` signs and the owner verifies.

The relay forwards it as `x-ledgerline-assertion` and can never make one.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.events.directory import Role

ASSERTION_HEADER: Final = "x-ledgerline-assertion"
LIFETIME: Final = timedelta(seconds=30)
_ISSUER: Final = "ledgerline/control"
_ALGORITHM: Final = "EdDSA"
_LEEWAY_S: Final = 5


class InvalidAssertionError(Exception):
    """Forged, expired, for another service, or signed with a key that control does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls, as control authenticated it."""

    user_id: int
    username: str
    role: Role
    workspace_id: int
    key_id: int | None = None
    """Set where the caller showed an API key: it may then read that key's own things only."""
    session_id: int | None = None
    """Set where the caller showed a session, so that control can end it."""

    @property
    def is_admin(self) -> bool:
        """Whether the caller may act on the whole site. A key never may."""
        return self.role >= Role.ADMIN and self.key_id is None


class AssertionSigner:
    """Control's half."""

    def __init__(self, seed: bytes) -> None:
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.key_id = _key_id(self.public_key)

    def sign(self, caller: Caller, *, audience: str, now: datetime | None = None) -> str:
        """An assertion for one service, valid for LIFETIME."""
        issued = now or datetime.now(UTC)
        claims: dict[str, Any] = {
            "iss": _ISSUER,
            "aud": audience,
            "sub": str(caller.user_id),
            "iat": issued,
            "exp": issued + LIFETIME,
            "username": caller.username,
            "role": int(caller.role),
            "workspace_id": caller.workspace_id,
            "key_id": caller.key_id,
            "session_id": caller.session_id,
        }
        return jwt.encode(claims, self._private, algorithm=_ALGORITHM, headers={"kid": self.key_id})

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The public key as a JSON Web Key Set."""
        x = base64.urlsafe_b64encode(self.public_key).rstrip(b"=").decode()
        return {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": self.key_id, "x": x}]}


class AssertionVerifier:
    """The owner's half: knows control's public keys, and for which service it verifies."""

    def __init__(self, *, audience: str, keys: dict[str, Ed25519PublicKey]) -> None:
        self._audience = audience
        self._keys = keys

    @classmethod
    def from_jwks(cls, jwks: dict[str, Any], *, audience: str) -> Self:
        """From control's key set. Raises ValueError or KeyError where it is not one."""
        keys = {}
        for key in jwks["keys"]:
            raw = base64.urlsafe_b64decode(key["x"] + "=" * (-len(key["x"]) % 4))
            keys[key["kid"]] = Ed25519PublicKey.from_public_bytes(raw)
        return cls(audience=audience, keys=keys)

    def verify(self, token: str) -> Caller:
        """The caller. Raises InvalidAssertionError."""
        try:
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audience,
                issuer=_ISSUER,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "aud", "iss", "sub"]},
            )
            return Caller(
                user_id=int(claims["sub"]),
                username=claims["username"],
                role=Role(claims["role"]),
                workspace_id=claims["workspace_id"],
                key_id=claims["key_id"],
                session_id=claims.get("session_id"),
            )
        except (jwt.PyJWTError, KeyError, ValueError, TypeError):
            raise InvalidAssertionError from None


def _key_id(public_key: bytes) -> str:
    digest = Hash(SHA256())
    digest.update(public_key)
    return digest.finalize().hex()[:16]
