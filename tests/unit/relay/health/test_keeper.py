"""One relay among others: who probes, who rests, and what a person's word does."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.relay.health.keeper import ChannelHealth
from services.relay.health.rules import HealthLimits
from shared.events.health import ChannelHealthChanged, CredentialHealth, HealthState
from shared.events.requests import ErrorCode
from shared.events.routing import Status
from tests.unit.relay.made import channel, credentials

ERROR = ErrorCode.UPSTREAM_SERVER_ERROR
LIMITS = HealthLimits(jitter=0.0)
START = 1_800_000_000.0


class World:
    """Relays that hear each other at once, unless `deaf`, and a clock."""

    def __init__(self, *names: str, count: int = 1) -> None:
        self.now = START
        self.told: list[ChannelHealthChanged] = []
        self.relays = {name: self._relay(name) for name in names}
        self.channel = channel(1, credentials=credentials(1, count))
        self.put()

    def _relay(self, name: str) -> ChannelHealth:
        return ChannelHealth(
            relay_id=name,
            limits=LIMITS,
            changed=lambda channel_id: self._tell(name, channel_id),
            clock=lambda: self.now,
            chance=lambda: 0.0,
        )

    def _tell(self, name: str, channel_id: int) -> None:
        view = ChannelHealthChanged.model_validate_json(
            self.relays[name].view(channel_id).model_dump_json()
        )
        self.told.append(view)
        for relay in self.relays.values():
            relay.hear(view)

    def put(self, **changes: Any) -> None:
        self.channel = self.channel.model_copy(update=changes)
        for relay in self.relays.values():
            relay.put_channel(self.channel)

    def takes(self, name: str) -> bool:
        gate = self.relays[name].gates.get(1)
        return gate is None or gate.lets_through(self.now)

    def sends(
        self, name: str, code: ErrorCode | None, *, credential: int = 10, took_s: float = 0.125,
        retry_after_s: float | None = None,
    ) -> bool:  # fmt: skip
        """One request and its end; whether it was a probe."""
        relay = self.relays[name]
        trial = relay.begin(1, credential)
        self.now += took_s
        relay.end(trial, code, retry_after_s=retry_after_s)
        return trial.is_probe

    def breaks(self, name: str) -> None:
        for _ in range(LIMITS.failures_to_rest):
            self.sends(name, ERROR)

    def state(self, name: str) -> HealthState:
        return self.relays[name].states()[1]


def test_all_relays_rest_it_when_one_found_it_broken() -> None:
    world = World("a", "b")
    world.breaks("a")
    assert not world.takes("a")
    assert not world.takes("b")
    assert world.state("b") is HealthState.RESTING
    assert len(world.told) == 1, "failures before the threshold are nobody else's business"


def test_after_the_rest_one_probe_goes_and_the_finder_is_first() -> None:
    world = World("a", "b")
    world.breaks("a")
    world.now += LIMITS.rest_s
    assert world.takes("a")
    assert not world.takes("b")
    probe = world.relays["a"].begin(1, 10)
    assert probe.is_probe
    assert not world.takes("a"), "one at a time"
    world.now += 0.25
    world.relays["a"].end(probe, None)
    assert world.takes("a")
    assert world.takes("b"), "it heard that the channel is well"
    assert world.state("b") is HealthState.HEALTHY
    assert not world.sends("b", None)


def test_a_probe_that_fails_rests_it_for_longer_everywhere() -> None:
    world = World("a", "b")
    world.breaks("a")
    world.now += LIMITS.rest_s
    assert world.sends("a", ERROR)
    world.now += LIMITS.rest_s + 4.0
    assert not world.takes("a")
    assert not world.takes("b")
    world.now += LIMITS.rest_s - 4.0
    assert world.takes("a")


def test_where_the_finder_is_gone_another_relay_probes_and_counts_on() -> None:
    world = World("a", "b")
    world.breaks("a")
    world.now += LIMITS.rest_s + 1.0
    assert world.takes("b")
    assert world.sends("b", ERROR)
    view = world.relays["b"].view(1)
    assert view.consecutive_failures == LIMITS.failures_to_rest + 1
    world.now += 2 * LIMITS.rest_s
    assert world.sends("b", None)
    assert world.takes("a")


def test_a_probe_that_is_lost_is_not_waited_for_for_ever() -> None:
    world = World("a")
    world.breaks("a")
    world.now += LIMITS.rest_s
    assert world.relays["a"].begin(1, 10).is_probe
    world.now += LIMITS.probe_s
    assert world.takes("a")


def test_a_probe_that_says_nothing_leaves_the_next_one_to_find_out() -> None:
    world = World("a")
    world.breaks("a")
    world.now += LIMITS.rest_s
    assert world.sends("a", ErrorCode.SHUTTING_DOWN)
    assert world.takes("a")
    assert world.sends("a", None)
    assert world.state("a") is HealthState.HEALTHY


def test_a_request_from_before_the_rest_says_nothing_of_now() -> None:
    world = World("a")
    early = world.relays["a"].begin(1, 10)
    world.now += 1
    world.breaks("a")
    world.relays["a"].end(early, None)
    assert not world.takes("a")


def test_a_last_resort_that_is_answered_ends_the_rest() -> None:
    world = World("a", "b")
    world.breaks("a")
    assert not world.sends("a", None), "no probe: sent for want of another channel"
    assert world.takes("a")
    assert world.takes("b")


def test_a_clients_own_mistake_shows_that_the_channel_answers() -> None:
    world = World("a")
    for _ in range(3 * LIMITS.failures_to_rest):
        world.sends("a", ErrorCode.UPSTREAM_CLIENT_ERROR)
    assert world.takes("a")
    for _ in range(LIMITS.failures_to_rest):
        world.sends("a", ERROR)
        world.sends("a", ErrorCode.UPSTREAM_CLIENT_ERROR)
    assert world.takes("a")
    assert not world.told


@pytest.mark.parametrize("code", [ErrorCode.ANSWER_TOO_LARGE, ErrorCode.UPSTREAM_QUOTA_SHORT])
def test_what_one_tenant_can_ask_for_rests_the_channel_for_nobody(code: ErrorCode) -> None:
    world = World("a")
    for _ in range(3 * LIMITS.failures_to_rest):
        world.sends("a", code)
    assert world.takes("a")
    assert world.state("a") is HealthState.HEALTHY
    assert not world.told


def test_a_rate_limit_ends_without_a_probe() -> None:
    world = World("a", "b")
    world.sends("a", ErrorCode.UPSTREAM_RATE_LIMITED, retry_after_s=7)
    assert not world.takes("b")
    world.now += 6.75
    assert not world.takes("a")
    world.now += 0.25
    assert world.takes("a")
    assert world.takes("b")
    assert not world.sends("a", None)


def test_a_rate_limited_credential_rests_alone() -> None:
    world = World("a", count=2)
    world.sends("a", ErrorCode.UPSTREAM_RATE_LIMITED, credential=10, retry_after_s=9)
    assert world.takes("a")
    assert world.relays["a"].usable(1, (10, 11), ()) == [11]
    world.sends("a", ErrorCode.UPSTREAM_RATE_LIMITED, credential=11, retry_after_s=3)
    assert not world.takes("a")
    assert world.relays["a"].usable(1, (10, 11), ()) == [10, 11], "better than none"
    world.now += 3
    assert world.takes("a"), "the first of them is over"
    assert world.relays["a"].usable(1, (10, 11), ()) == [11]


def test_a_refused_credential_is_skipped_by_all_and_the_last_one_disables() -> None:
    world = World("a", "b", count=2)
    world.sends("a", ErrorCode.UPSTREAM_AUTHENTICATION, credential=10)
    assert world.takes("b")
    assert world.relays["b"].usable(1, (10, 11), ()) == [11]
    assert [c.credential_id for c in world.told[-1].refused_credentials] == [10]
    world.sends("b", ErrorCode.UPSTREAM_QUOTA_EXHAUSTED, credential=11)
    for name in ("a", "b"):
        assert world.state(name) is HealthState.DISABLED
        assert world.relays[name].usable(1, (10, 11), ()) == []
    world.now += 10_000
    assert not world.takes("a"), "only a person can bring it back"


def test_a_persons_reset_makes_all_of_it_void() -> None:
    world = World("a", "b")
    world.breaks("a")
    world.sends("a", ErrorCode.UPSTREAM_AUTHENTICATION)
    under_way = world.relays["b"].begin(1, 10)
    world.now += 1
    world.put(health_reset_at=datetime.fromtimestamp(world.now, UTC))
    assert world.takes("a")
    assert world.takes("b")
    assert world.relays["b"].usable(1, (10,), ()) == [10]
    world.now += 1
    world.relays["b"].end(under_way, ErrorCode.UPSTREAM_AUTHENTICATION)
    assert world.takes("b"), "it began before the reset"
    world.sends("b", ErrorCode.UPSTREAM_AUTHENTICATION)
    assert world.state("a") is HealthState.DISABLED


def test_what_control_disabled_or_a_person_switched_off() -> None:
    world = World("a", count=2)
    off = tuple(c.model_copy(update={"status": Status.DISABLED}) for c in world.channel.credentials)
    world.put(credentials=(off[0], world.channel.credentials[1]))
    assert world.state("a") is HealthState.HEALTHY
    world.put(credentials=off)
    assert world.state("a") is HealthState.DISABLED
    world.put(status=Status.DISABLED)
    assert world.relays["a"].states() == {}, "switched off is nothing to alert on"


def test_a_relay_whose_clock_is_wrong_rests_nothing_for_ever() -> None:
    world = World("a")
    world.relays["a"].hear(
        ChannelHealthChanged(
            channel_id=1,
            relay_id="mad",
            state=HealthState.RESTING,
            reason=ERROR,
            rests_until=datetime.fromtimestamp(START + 10_000_000, UTC),
            changed_at=datetime.fromtimestamp(START, UTC),
        )
    )
    assert not world.takes("a")
    world.now += LIMITS.max_rest_s + 3
    assert world.takes("a")


def test_a_view_that_is_gone_no_longer_counts() -> None:
    world = World("a", "b")
    world.breaks("a")
    world.relays["b"].forget_view("mark:a")
    world.relays["b"].forget_view("channel:1:another")
    assert not world.takes("b")
    world.relays["b"].forget_view("channel:1:a")
    assert world.takes("b")


def test_a_channel_that_is_gone_leaves_nothing() -> None:
    world = World("a", "b")
    world.breaks("a")
    for relay in world.relays.values():
        relay.forget_channel("channel:1")
        assert not relay.gates
        assert not relay.states()


def test_an_unnamed_credential_is_never_told() -> None:
    """A channel from before there were several has a key without an id."""
    world = World("a")
    world.put(credentials=())
    world.sends("a", ErrorCode.UPSTREAM_AUTHENTICATION, credential=0)
    assert world.state("a") is HealthState.DISABLED
    assert world.told[-1].refused_credentials == ()
    assert world.told[-1].state is HealthState.DISABLED


def test_refusals_that_others_found_keep_their_first_reason() -> None:
    world = World("a", count=2)
    world.relays["a"].hear(
        ChannelHealthChanged(
            channel_id=1,
            relay_id="b",
            state=HealthState.HEALTHY,
            refused_credentials=(
                CredentialHealth(
                    credential_id=11,
                    reason=ErrorCode.UPSTREAM_QUOTA_EXHAUSTED,
                    since=datetime.fromtimestamp(START, UTC),
                ),
            ),
            changed_at=datetime.fromtimestamp(START, UTC),
        )
    )
    assert world.relays["a"].usable(1, (10, 11), ()) == [10]
    assert world.takes("a")
