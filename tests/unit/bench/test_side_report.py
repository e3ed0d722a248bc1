import pytest

from operations.bench.comparison import MEASURED, Comparison
from operations.bench.load_spec import MACHINE, LoadResult
from operations.bench.plan import BARE, DIRECT, GO, RELAY, WHOLE
from operations.bench.side_report import side_by_side_lines
from operations.bench.steps import LATENCY, REQUESTS, chosen


def _result(*, requests: int = 1000, p50_ms: float = 1, cpu_s: float = 0.5) -> LoadResult:
    return LoadResult(
        window_s=1,
        requests=requests,
        events=requests,
        latency_ms={"p50": p50_ms, "p99": p50_ms},
        first_byte_ms={"p50": p50_ms, "p99": p50_ms},
        cpu_s={MEASURED: cpu_s, "generator": 0.1, "upstream": 0.1, MACHINE: 0.7},
    )


def _lines(step: str, results: dict[str, LoadResult], *, missing: str = "") -> dict[str, list[str]]:
    found = Comparison(steps=chosen([step], WHOLE.steps, lengths=1))
    found.results = {(side, step): [result] for side, result in results.items()}
    if missing:
        found.missing = {GO: missing}
    text = list(side_by_side_lines(found))
    return {line[:40].strip(): line[40:].split() for line in text} | {"all": text}


def test_a_figure_is_held_to_its_target_and_put_beside_both_proxies() -> None:
    lines = _lines(
        REQUESTS,
        {
            BARE: _result(requests=1000),
            GO: _result(requests=2000),
            RELAY: _result(requests=1500),
        },
    )
    assert lines["requests/s, 32 clients"] == [
        *("1,000", "2,000", "1,500", "1.5", ">=", "1", "met", "0.75")
    ]
    assert lines["CPU per request (us)"] == [
        *("500", "250", "333", "0.667", "<=", "1", "met", "1.33")
    ]


def test_a_missed_target_says_so() -> None:
    lines = _lines(REQUESTS, {BARE: _result(), RELAY: _result(requests=999, cpu_s=0.6)})
    assert "MISSED" in lines["requests/s, 32 clients"]
    assert "MISSED" in lines["CPU per request (us)"]


def test_what_a_side_adds_is_told_from_what_the_upstream_takes_alone() -> None:
    lines = _lines(
        LATENCY,
        {
            DIRECT: _result(p50_ms=0.1),
            BARE: _result(p50_ms=0.3),
            RELAY: _result(p50_ms=0.35),
        },
    )
    assert lines["latency added, 1 client, p50 (ms)"] == [
        *("0.2", "-", "0.25", "1.25", "<=", "1.3", "met", "-")
    ]


def test_without_go_its_column_is_empty_and_the_report_says_why() -> None:
    lines = _lines(REQUESTS, {BARE: _result(), RELAY: _result()}, missing="no `go` on the PATH")
    assert lines["requests/s, 32 clients"] == ["1,000", "-", "1,000", "1", ">=", "1", "met", "-"]
    assert "Without go: no `go` on the PATH" in lines["all"]


@pytest.mark.parametrize(
    ("step", "required"),
    [
        ("paced-500x20", {"CPU per event (us)": "<= 0.7", "first byte p99 (ms)": "<= 1"}),
        ("paced-1000x15", {"CPU per event (us)": "<= 0.7"}),
    ],
)
def test_paced_streams_are_held_to_what_is_required_of_them(
    step: str, required: dict[str, str]
) -> None:
    lines = _lines(step, {BARE: _result(cpu_s=1), RELAY: _result(cpu_s=0.69)})
    found = {
        title.partition(": ")[2]: " ".join(cells[4:6])
        for title, cells in lines.items()
        if "met" in cells
    }
    assert found == required
