"""The headers of an answer, by names whose case does not matter."""

from collections.abc import Iterator, Mapping


class Headers(Mapping[str, str]):
    """Names to values; of a name that came more than once, the first. Decoded when asked for."""

    __slots__ = ("_raw",)

    def __init__(self, raw: dict[bytes, bytes]) -> None:
        """`raw` has its names in lower case."""
        self._raw = raw

    def __getitem__(self, name: str) -> str:
        """Raises KeyError where there is none."""
        # As aiohttp decodes them, so that what is passed on does not depend on the client.
        return self._raw[name.lower().encode("utf-8", "surrogateescape")].decode(
            "utf-8", "surrogateescape"
        )

    def __iter__(self) -> Iterator[str]:
        return (name.decode("utf-8", "surrogateescape") for name in self._raw)

    def __len__(self) -> int:
        return len(self._raw)
