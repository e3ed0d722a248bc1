"""A channel's outgoing proxy: its URL may carry a user name and a password, which are secrets."""

from urllib.parse import urlsplit, urlunsplit

from shared.http.egress import EgressPolicy


def check_proxy_url(url: str, policy: EgressPolicy) -> None:
    """Raises ValueError for what is no proxy's address, or leads into a network not allowed.

    A name is looked at again when it is connected to, like that of a base URL.
    """
    if not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("this is not a URL")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ValueError("this is not a URL") from None
    if parts.path not in {"", "/"}:
        raise ValueError("a proxy's URL has no path")
    policy.check_url(without_credentials(url))


def without_credentials(url: str) -> str:
    """The URL as it may be shown and logged: without user name, password and trailing slash."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), parts.query, parts.fragment))


def has_credentials(url: str) -> bool:
    """Whether it carries a user name or a password."""
    return "@" in urlsplit(url).netloc
