"""What was held for a request that could not be written down is given back."""

from types import SimpleNamespace
from typing import Any

import pytest

from services.relay import relaying as relaying_module
from services.relay.dialects.openai_chat import ChatCompletions
from services.relay.errors import RelayError
from services.relay.journal.journal import JournalFullError
from services.relay.leases.holding import Holding
from services.relay.leases.holds import Hold
from services.relay.leases.leasing import Lease, LeaseLimits
from services.relay.relaying import Relaying
from shared.events.requests import ErrorCode
from tests.unit.relay.made import MODEL, arrival, caller, offer

BODY = b'{"model":"%b","messages":[]}' % MODEL.encode()


KEY, ACCOUNT = "key:70", "account:7"
LIMITED = caller(key={"unlimited_quota": False})


class Leases:
    """Grants every hold and adds up what is held."""

    def __init__(self) -> None:
        self.held_units: dict[str, int] = {}
        self.most_units: dict[str, int] = {}

    def try_hold(self, subject: str, units: int) -> Hold:
        lease = Lease(lease_id=f"of-{subject}", subject=subject, limits=LeaseLimits(), now=0)
        self.held_units[subject] = self.most_units[subject] = units
        return Hold(lease, units)

    def settle(self, hold: Hold, used_units: int) -> None:
        assert used_units == 0
        self.held_units[hold.lease.subject] -= hold.units


def relaying(leases: Leases, admit: Any) -> Relaying:
    """A relay that knows the one caller, and whose journal does what `admit` does."""
    everything: Any = {
        "arrivals": None,
        "authenticator": SimpleNamespace(known=lambda _shown, hint: LIMITED),  # noqa: ARG005
        "admission": SimpleNamespace(offer=lambda _model, _caller, at: offer()),  # noqa: ARG005
        "routing": SimpleNamespace(models={}),
        "limiter": SimpleNamespace(has_limits=lambda _caller, _arrival: False),
        "holding": Holding(leases),  # type: ignore[arg-type]  # what it needs of them
        "journal": SimpleNamespace(admit=admit),
        "attempts": None,
        "passing": None,
        "recorder": None,
        "rejections": SimpleNamespace(reject=lambda *_told, **_more: None),
        "metrics": SimpleNamespace(in_flight=SimpleNamespace(set_function=lambda _read: None)),
        "open_requests": (),
        "body_timeout_s": 1.0,
    }
    return Relaying(**everything)


def asked() -> Any:
    """A request whose body has come."""
    content = SimpleNamespace(is_eof=lambda: True, read_nowait=lambda: BODY)
    return SimpleNamespace(headers={}, content=content, client_max_size=10_000)


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(JournalFullError(), RelayError), (OSError(), RelayError), (TypeError(), TypeError)],
)
@pytest.mark.parametrize("broken", ["opening_json", "skeleton_of", "admit"])
async def test_a_request_that_cannot_be_written_down_leaves_nothing_held(
    broken: str, failure: Exception, raised: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held and never settled would be missing from a balance until the lease closes."""

    def fails(*_parts: object, **_more: object) -> Any:
        raise failure

    leases = Leases()
    if broken == "admit":
        going = relaying(leases, fails)
    else:
        going = relaying(leases, lambda *_record: None)
        # What tells of a refusal is made after it, of the same parts.
        real, calls = getattr(relaying_module, broken), [fails]

        def fails_once(*parts: object, **more: object) -> Any:
            return (calls.pop() if calls else real)(*parts, **more)

        monkeypatch.setattr(relaying_module, broken, fails_once)
    with pytest.raises(raised) as caught:
        await going.relay(asked(), arrival(), ChatCompletions())
    if isinstance(caught.value, RelayError):
        assert caught.value.code is ErrorCode.JOURNAL_FULL
    assert leases.most_units.keys() == {KEY, ACCOUNT}
    assert leases.most_units[KEY] > 0
    assert leases.held_units == {KEY: 0, ACCOUNT: 0}
