"""What the command refuses before it opens anything, and what it takes."""

from datetime import UTC, datetime

import pytest

from operations.what_if.asked import parse

PERIOD = ("--since", "2026-05-01", "--until", "2026-06-01T00:00:00+02:00")
DSN = ("--postgres-dsn", "postgresql://reconcile@127.0.0.1:1/none")
WHOLE = ("--from", "entries", *PERIOD, "--draft", "7", *DSN)


@pytest.fixture(autouse=True)
def _no_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEDGERLINE_KAFKA_BOOTSTRAP", "LEDGERLINE_RECONCILE_DSN"):
        monkeypatch.delenv(name, raising=False)


def test_a_time_is_in_seconds_or_iso_and_without_a_zone_in_utc() -> None:
    charges = parse([*WHOLE]).question.charges
    assert charges.from_at == datetime(2026, 5, 1, tzinfo=UTC)
    assert charges.to_at == datetime(2026, 5, 31, 22, tzinfo=UTC)
    asked = parse([*WHOLE, "--since", "1767225600", "--workspace", "3", "--model", "m"])
    assert asked.question.charges[0] == datetime(2026, 1, 1, tzinfo=UTC)
    assert asked.question.charges[2:] == (3, "m")
    assert asked.as_json()["since"] == "2026-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "required: --from, --since, --until"),
        (("--from", "entries", *PERIOD, *DSN), "one of the arguments --version-at --draft"),
        ((*WHOLE, "--version-at", "5"), "not allowed with argument --draft"),
        ((*WHOLE, "--from", "logs"), "invalid choice: 'logs'"),
        ((*WHOLE, "--from", "kafka"), "--kafka is needed"),
        ((*WHOLE, "--postgres-dsn", ""), "--postgres-dsn is needed"),
        ((*WHOLE, "--since", "2026-06-01"), "--since must be before --until"),
        ((*WHOLE, "--until", "2999-01-01"), "--until must be past"),
        ((*WHOLE, "--since", "soon"), "give Unix seconds or ISO 8601"),
        ((*WHOLE, "--since", "9" * 30), "give Unix seconds or ISO 8601"),
        ((*WHOLE, "--since", "9" * 5000), "give Unix seconds or ISO 8601"),
        ((*WHOLE, "--since", "0001-01-01"), "give a time since 1970"),
        ((*WHOLE, "--since", "-5"), "since"),
        ((*WHOLE, "--draft", "0"), "give a number from 1"),
        ((*WHOLE, "--draft", "9" * 5000), "give a number from 1"),
        ((*WHOLE, "--workspace", "1.5"), "give a number from 1"),
        ((*WHOLE, "--workspace", str(2**63)), "give a number from 1"),
        ((*WHOLE, "--chunk", "0"), "give a number from 1"),
        ((*WHOLE, "--model", "a\0b"), "no model can have this name"),
        ((*WHOLE, "--model", "\udcff"), "no model can have this name"),
        ((*WHOLE, "--model", "m" * 129), "no model can have this name"),
        ((*WHOLE, "--format", "xml"), "invalid choice"),
    ],
)
def test_bad_input_is_said_in_a_line_and_ends_with_2(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([*arguments])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
