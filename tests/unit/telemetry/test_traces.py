"""W3C Trace Context."""

import pytest

from shared.telemetry.traces import TraceContext

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize("flags", ["00", "01"])
def test_the_callers_trace_goes_on_with_a_span_of_ours(flags: str) -> None:
    trace = TraceContext.from_header(f"00-{TRACE}-{SPAN}-{flags}")
    assert trace.trace_id == TRACE
    assert trace.span_id != SPAN
    assert trace.parent_id == SPAN
    assert trace.header() == f"00-{TRACE}-{trace.span_id}-{flags}"


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert TraceContext.from_header(f"01-{TRACE}-{SPAN}-01").trace_id == TRACE


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "x",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE}-{SPAN}-01-extra",
        f" 00-{TRACE}-{SPAN}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(header: str | None) -> None:
    first, second = TraceContext.from_header(header), TraceContext.from_header(header)
    assert first.trace_id not in {TRACE, second.trace_id}
    assert first.parent_id is None
    assert len(first.header()) == 55
    assert TraceContext.from_header(first.header()).trace_id == first.trace_id
