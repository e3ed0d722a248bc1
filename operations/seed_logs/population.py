"""Who asks for what, skewed as in life: a few users, keys and models make most requests. Pure.

Users follow Zipf's law with exponent 1.1, models with 1.2. A user has one to three keys, the first
of which does most, and two of five keys are called "default". A key belongs to a program, which
asks for its own model nearly always. A model's first channel has most of its requests, as
priorities and weights have it.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import accumulate
from random import Random
from typing import Final, Generic, NamedTuple, TypeVar

_T = TypeVar("_T")
_USERS_EXPONENT: Final = 1.1
_MODELS_EXPONENT: Final = 1.2
_USERS_PER_WORKSPACE: Final = 2
_DEFAULT_NAMED_OF: Final = 5
_MOST_KEYS: Final = 3
_KEY_NAMES: Final = ("laptop", "server", "nightly", "notebook", "staging", "mobile", "batch")
_FAMILIES: Final = (
    ("openai", "gpt-4o"),
    ("anthropic", "claude-sonnet"),
    ("openai", "gpt-4.1"),
    ("google", "gemini-flash"),
    ("openai", "o4"),
    ("anthropic", "claude-haiku"),
    ("deepseek", "deepseek-chat"),
    ("google", "gemini-pro"),
    ("anthropic", "claude-opus"),
    ("mistral", "mistral-large"),
    ("deepseek", "deepseek-reasoner"),
    ("mistral", "codestral"),
)
_SIZES: Final = ("", "-mini", "-preview", "-latest", "-long")
_CHANNELS: Final = ("openai",) * 4 + ("anthropic",) * 3 + ("google",) * 2 + ("deepseek",) * 2
_GROUPS: Final = ("default", "default", "default", "vip", "default", "trial", "default", "batch")


class Channel(NamedTuple):
    """Where it is served."""

    id: int
    name: str


class Model(NamedTuple):
    """What is asked for, and the channels that have it."""

    name: str
    provider: str
    provider_id: int
    channels: tuple[Channel, ...]


class Key(NamedTuple):
    """An API key."""

    id: int
    name: str
    model: Model
    """What it is mostly used for."""


class User(NamedTuple):
    """Who asks."""

    id: int
    name: str
    workspace_id: int
    project_id: int | None
    group: str
    keys: tuple[Key, ...]


class Weighted(Generic[_T]):
    """Things of which the first are drawn most often: the n-th as often as n ** -exponent says."""

    def __init__(self, things: Sequence[_T], *, exponent: float) -> None:
        self.things = things
        self._reached = list(accumulate(n**-exponent for n in range(1, len(things) + 1)))

    def draw(self, random: Random, count: int) -> list[_T]:
        """So many of them."""
        return random.choices(self.things, cum_weights=self._reached, k=count)


class Population(NamedTuple):
    """Everybody and everything that can be drawn."""

    users: Weighted[User]
    models: Weighted[Model]


@cache
def population(*, users: int = 20_000, models: int = 60) -> Population:
    """The same one for the same sizes."""
    providers = sorted({provider for provider, _ in _FAMILIES})
    channels: dict[str, list[Channel]] = {provider: [] for provider in providers}
    for number, provider in enumerate((*_CHANNELS, "mistral"), start=1):
        channels[provider].append(Channel(number, f"{provider}-{len(channels[provider]) + 1}"))
    named = [(provider, family + size) for size in _SIZES for provider, family in _FAMILIES]
    offered = Weighted(
        [
            Model(name, provider, providers.index(provider) + 1, tuple(channels[provider]))
            for provider, name in named[:models]
        ],
        exponent=_MODELS_EXPONENT,
    )
    asking = list(_users(users, offered))
    return Population(Weighted(asking, exponent=_USERS_EXPONENT), offered)


def _users(count: int, models: Weighted[Model]) -> Iterator[User]:
    key_id = 0
    own_models = iter(models.draw(Random(count), _MOST_KEYS * count))  # noqa: S311 - no secret
    for number in range(count):
        keys = []
        for _ in range(1 + number % _MOST_KEYS):
            key_id += 1
            keys.append(Key(key_id, _key_name(key_id), next(own_models)))
        workspace_id = number // _USERS_PER_WORKSPACE + 1
        yield User(
            id=number + 1,
            name=f"user-{number + 1}",
            workspace_id=workspace_id,
            project_id=workspace_id * 2 if number % 3 == 0 else None,
            group=_GROUPS[number % len(_GROUPS)],
            keys=tuple(keys),
        )


def _key_name(key_id: int) -> str:
    if key_id % _DEFAULT_NAMED_OF < 2:  # noqa: PLR2004 - two of five
        return "default"
    return f"{_KEY_NAMES[key_id % len(_KEY_NAMES)]}-{key_id % 97}"
