"""Which channel and which of its credentials a request tries next.

1. Of the groups in order, a channel of the highest priority by weight, that is not resting.
2. Where all that is left rests, the one whose rest ends first: a model is never without a channel
   because all of them had a bad minute. Only a channel without a good credential is left out, and
   one whose provider's budget has no room.

Credentials are used in turn. One that was refused in this request gives way to the channel's next;
a channel that failed is not tried again.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from services.relay.answering.routing import choose
from services.relay.books.routing import Channel, Credential, RoutingBook
from services.relay.dialects.dialect import Call
from services.relay.exchange import Exchange
from services.relay.health.findings import Trial
from services.relay.health.keeper import ChannelHealth


class Choice(NamedTuple):
    """What is tried next. Tell `ChannelHealth.end` what became of the trial."""

    channel: Channel
    credential: Credential
    trial: Trial


class Choosing:
    """Chooses for one relay."""

    def __init__(
        self, *, routing: RoutingBook, health: ChannelHealth, random: Callable[[], float]
    ) -> None:
        self._routing = routing
        self._health = health
        self._random = random
        self._turns: dict[int, int] = {}

    def next(
        self, exchange: Exchange, call: Call, *, tried: set[int], refused: set[tuple[int, int]]
    ) -> Choice | None:
        """None: nothing is left. `tried`: channels; `refused`: pairs of channel and credential."""
        if exchange.terms.offer.budgets and (closed := exchange.closed_providers()):
            serving = self._serving(exchange, call)
            tried = tried | {one.channel_id for _, one in serving if one.provider_id in closed}
        gates = self._health.gates
        left_out = tried
        if gates:
            now = self._health.now()
            left_out = tried | {one for one, gate in gates.items() if not gate.lets_through(now)}
        for group in exchange.terms.offer.groups:
            tiers = self._routing.tiers(exchange.facts.model, group, call.dialect.name)
            while (channel := choose(tiers, tried=left_out, random=self._random)) is not None:
                if (credential := self._credential(channel, refused)) is not None:
                    return self._chosen(exchange, group, channel, credential)
                left_out = left_out | {channel.channel_id}
        return self._last_resort(exchange, call, tried, refused) if gates else None

    def _last_resort(
        self, exchange: Exchange, call: Call, tried: set[int], refused: set[tuple[int, int]]
    ) -> Choice | None:
        gates = self._health.gates
        resting = [
            (gate.rests_until, order, group, channel, credential)
            for order, (group, channel) in enumerate(self._serving(exchange, call))
            if channel.channel_id not in tried
            and (gate := gates.get(channel.channel_id)) is not None
            and not gate.is_disabled
            and (credential := self._credential(channel, refused)) is not None
        ]
        if not resting:
            return None
        _, _, group, channel, credential = min(resting, key=lambda entry: entry[:2])
        return self._chosen(exchange, group, channel, credential)

    def _serving(self, exchange: Exchange, call: Call) -> Iterator[tuple[str, Channel]]:
        for group in exchange.terms.offer.groups:
            for tier in self._routing.tiers(exchange.facts.model, group, call.dialect.name):
                for channel in tier:
                    yield group, channel

    def _credential(self, channel: Channel, refused: set[tuple[int, int]]) -> Credential | None:
        credentials = channel.credentials
        if len(credentials) == 1:
            only = credentials[0]
            if not refused and self._health.is_all_well:
                return only
            usable = self._health.usable(channel.channel_id, (only.credential_id,), refused)
            return only if usable else None
        wanted = self._health.usable(
            channel.channel_id, [c.credential_id for c in credentials], refused
        )
        if not wanted:
            return None
        turn = self._turns.get(channel.channel_id, -1) + 1
        self._turns[channel.channel_id] = turn
        chosen = wanted[turn % len(wanted)]
        return next(c for c in credentials if c.credential_id == chosen)

    def _chosen(
        self, exchange: Exchange, group: str, channel: Channel, credential: Credential
    ) -> Choice:
        if group != exchange.caller.group or exchange.attempts:
            exchange.use_group(group)
        trial = self._health.begin(channel.channel_id, credential.credential_id)
        return Choice(channel, credential, trial)
