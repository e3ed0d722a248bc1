"""Channels, models and groups, from `control.routing`, arranged for choosing."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from services.relay.answering.routing import Route, Tier, arrange
from services.relay.recording.event_json import members
from shared.crypto.sealed import PROXY, CannotOpenError, ChannelKeyBox
from shared.events.routing import ChannelChanged, GroupChanged, ModelChanged, Status
from shared.http.egress import EgressPolicy
from shared.http.outgoing_proxy import check_proxy_url
from shared.telemetry.logs import get_logger

_logger = get_logger()
_NO_ID: Final = 0
"""Of the one credential of a channel that lists none."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One of a channel's keys. `secret` is one: never log a Credential."""

    credential_id: int
    secret: str

    def __repr__(self) -> str:
        return f"Credential({self.credential_id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel(Route):
    """A channel ready to be called, with at least one credential."""

    name: str
    provider: str
    provider_id: int | None
    base_url: str
    credentials: tuple[Credential, ...]
    model_mapping: dict[str, str]
    proxy_url: str | None = None
    """The outgoing proxy, perhaps with a password in it: never log it."""
    http2: bool = False
    event_json: str = field(init=False)
    """Its part of an event."""

    def __post_init__(self) -> None:
        told = {
            "channel_id": self.channel_id,
            "channel_name": self.name,
            "provider": self.provider,
            "provider_id": self.provider_id,
        }
        object.__setattr__(self, "event_json", members(told))

    def upstream_model(self, model: str) -> str:
        """The provider's name of `model`."""
        return self.model_mapping.get(model, model)

    def __repr__(self) -> str:
        return f"Channel({self.channel_id})"


class RoutingBook:
    """What can serve what. Candidates are arranged anew at each change, not at each request."""

    def __init__(self, *, box: ChannelKeyBox, egress: EgressPolicy) -> None:
        self._box = box
        self._egress = egress
        self._channels: dict[int, tuple[ChannelChanged, Channel]] = {}
        self._names: dict[int, str] = {}
        self.models: dict[str, ModelChanged] = {}
        self._groups: dict[str, GroupChanged] = {}
        self._tiers: dict[tuple[str, str, str], tuple[Tier[Channel], ...]] = {}
        self.generation = 0
        """Goes up with every change: what was derived from the book holds for one generation."""

    def put_channel(self, changed: ChannelChanged) -> None:
        """The newest state of a channel. One that cannot be used is left out, and logged."""
        self._channels.pop(changed.channel_id, None)
        self._names.pop(changed.channel_id, None)
        if not changed.is_deleted:
            self._names[changed.channel_id] = changed.name
        if not changed.is_deleted and changed.status is Status.ENABLED:
            channel = self._opened(changed)
            if channel is not None:
                self._channels[changed.channel_id] = (changed, channel)
        self._tiers.clear()
        self.generation += 1

    def put_model(self, model: ModelChanged) -> None:
        """The newest state of a model."""
        self.models[model.name] = model
        self.generation += 1

    def put_group(self, group: GroupChanged) -> None:
        """The newest state of a group."""
        self._groups[group.name] = group
        self.generation += 1

    def forget(self, key: str) -> None:
        """A tombstone of `channel:<id>`, `model:<name>` or `group:<name>`."""
        kind, _, name = key.partition(":")
        if kind == "model":
            self.models.pop(name, None)
        elif kind == "group":
            self._groups.pop(name, None)
        elif kind == "channel" and name.isdigit():
            self._channels.pop(int(name), None)
            self._names.pop(int(name), None)
            self._tiers.clear()
        self.generation += 1

    def usable_model(self, name: str, group: str) -> ModelChanged | None:
        """The model, if `group` may use it now."""
        model = self.models.get(name)
        if model is None or model.is_deleted or model.status is not Status.ENABLED:
            return None
        known = self._groups.get(group)
        if known is None or known.is_deleted or known.status is not Status.ENABLED:
            return None
        return model if group in model.groups else None

    def usable_models(self, group: str) -> list[ModelChanged]:
        """All models that `group` may use now, by name."""
        return [self.models[n] for n in sorted(self.models) if self.usable_model(n, group)]

    def selectable_groups(self) -> list[str]:
        """The groups that keys of any user may use, by name."""
        return sorted(
            group.name
            for group in self._groups.values()
            if group.is_selectable and not group.is_deleted and group.status is Status.ENABLED
        )

    def tiers(self, model: str, group: str, dialect: str) -> tuple[Tier[Channel], ...]:
        """The channels that serve `model` in `group` and dialect, highest priority first."""
        wanted = (model, group, dialect)
        tiers = self._tiers.get(wanted)
        if tiers is None:
            serving = [
                channel
                for changed, channel in self._channels.values()
                if changed.dialect == dialect
                and model in changed.models
                and group in changed.groups
            ]
            tiers = arrange(serving)
            # Only for what is configured: a client's made-up names must not fill the memory.
            if model in self.models and group in self._groups:
                self._tiers[wanted] = tiers
        return tiers

    def providers(self, model: str, groups: Iterable[str]) -> frozenset[int | None]:
        """Whose channels serve `model` in one of these groups, in whatever dialect."""
        wanted = frozenset(groups)
        return frozenset(
            channel.provider_id
            for changed, channel in self._channels.values()
            if model in changed.models and not wanted.isdisjoint(changed.groups)
        )

    def label(self, channel_id: int) -> str:
        """The channel's name as a metric's label, from the configured ones only."""
        return self._names.get(channel_id, "other")

    def _opened(self, changed: ChannelChanged) -> Channel | None:
        try:
            self._egress.check_url(changed.base_url)
        except ValueError as error:
            _unusable(changed, error)
            return None
        credentials = self._credentials(changed)
        if not credentials:
            return None
        try:
            proxy_url = self._proxy_url(changed)
        except (CannotOpenError, ValueError) as error:
            # Not called directly instead: the proxy may be what keeps it apart.
            _unusable(changed, error)
            return None
        return Channel(
            channel_id=changed.channel_id,
            priority=changed.priority,
            weight=changed.weight,
            name=changed.name,
            provider=changed.provider,
            provider_id=changed.provider_id,
            base_url=changed.base_url.rstrip("/"),
            credentials=credentials,
            model_mapping=dict(changed.model_mapping),
            proxy_url=proxy_url,
            http2=changed.http2,
        )

    def _proxy_url(self, changed: ChannelChanged) -> str | None:
        """Raises CannotOpenError, and ValueError for one that may not be used."""
        sealed = changed.proxy_url_ciphertext
        if sealed is None:
            return None
        url = self._box.open(sealed, channel_id=changed.channel_id, part=PROXY)
        check_proxy_url(url, self._egress)
        return url

    def _credentials(self, changed: ChannelChanged) -> tuple[Credential, ...]:
        """The enabled ones that can be opened."""
        sealed = [
            (listed.credential_id, listed.key_ciphertext)
            for listed in changed.credentials
            if listed.status is Status.ENABLED
        ]
        if not changed.credentials:
            sealed = [(_NO_ID, changed.key_ciphertext)]
        opened = []
        for credential_id, ciphertext in sealed:
            try:
                secret = self._box.open(ciphertext, channel_id=changed.channel_id)
            except CannotOpenError as error:
                _unusable(changed, error)
            else:
                opened.append(Credential(credential_id, secret))
        return tuple(opened)


def _unusable(changed: ChannelChanged, error: Exception) -> None:
    _logger.error("channel.unusable", channel_id=changed.channel_id, reason=type(error).__name__)
