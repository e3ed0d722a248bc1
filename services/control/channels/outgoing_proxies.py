"""A channel's outgoing proxy as its row keeps it: sealed, and beside that what may be shown."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from shared.crypto.sealed import PROXY, ChannelKeyBox
from shared.http.egress import EgressPolicy
from shared.http.envelope import EnvelopeError
from shared.http.outgoing_proxy import check_proxy_url, has_credentials, without_credentials

NO_PROXY: Final[dict[str, Any]] = {
    "proxy_url": "",
    "proxy_url_ciphertext": None,
    "proxy_has_credentials": False,
}
_KEY_NEEDED: Final = "a channel without TLS needs its key again when its proxy changes"
_NOT_BOTH: Final = "a channel with a proxy is not reached over HTTP/2: leave one of them out"


def proxy_columns(
    given: str, before: Mapping[str, Any], *, channel_id: int, box: ChannelKeyBox
) -> dict[str, Any]:
    """The columns for a URL that was given; an empty one removes the proxy.

    What answers show, given back, changes nothing: the user name and the password stay.
    """
    if not given:
        return NO_PROXY
    if given.rstrip("/") == before["proxy_url"]:
        return {name: before[name] for name in NO_PROXY}
    return {
        "proxy_url": without_credentials(given),
        "proxy_url_ciphertext": box.seal(given, channel_id=channel_id, part=PROXY),
        "proxy_has_credentials": has_credentials(given),
    }


def require_proxy_url(given: str, policy: EgressPolicy) -> None:
    """Raises EnvelopeError for one that is not to be used, without its credentials in the text."""
    if not given:
        return
    try:
        check_proxy_url(given, policy)
    except ValueError as error:
        raise EnvelopeError(f"proxy_url: {error}") from None


def require_way(channel: Mapping[str, Any]) -> None:
    """Raises EnvelopeError where a whole channel asks for two ways at once."""
    if channel["http2"] and channel["proxy_url"]:
        raise EnvelopeError(_NOT_BOTH)


def require_key(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    """For a change without keys: a proxy that another server would be must not see the old ones.

    With TLS the proxy sees nothing. Raises EnvelopeError.
    """
    is_other = after["proxy_url"] not in {"", before["proxy_url"]}
    if is_other and urlsplit(after["base_url"]).scheme == "http":
        raise EnvelopeError(_KEY_NEEDED)
