import sys
from types import FrameType

from deploy.local.environment import REPOSITORY
from operations.bench.profile_report import Profile, profile_lines
from operations.bench.sampled import is_at_its_start

_START = ["/python/runners.py:Runner.run"]


def test_what_is_left_of_the_cpu_time_is_the_loops() -> None:
    found = Profile(
        thread_s=0.010,
        process_s=0.012,
        samples=[
            # A loop that waits is sampled as often as one that runs.
            (50, _START),
            (3, [*_START, f"{REPOSITORY}/services/relay/a.py:f", "/y/site-packages/orjson/b.py:g"]),
            (1, [*_START, "/y/site-packages/aiohttp/c.py:h"]),
        ],
    )
    text = "\n".join(profile_lines(found, cost_us=120, unit="request"))
    by_module = text.partition("by package")[0].splitlines()[2:]
    assert [line.split() for line in by_module if line] == [
        ["50.0%", "60.00", "(none)", "uvloop"],
        ["25.0%", "30.00", "services/relay/a.py"],
        ["16.7%", "20.00", "(none)", "threads"],
        ["8.3%", "10.00", "(none)", "aiohttp"],
    ]


def test_a_function_that_was_only_entered_is_told_from_one_that_runs() -> None:
    seen: list[bool] = []

    def trace(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code is entered.__code__:
            seen.append(is_at_its_start(frame))

    def entered() -> FrameType:
        return sys._getframe()

    before = sys.getprofile()
    sys.setprofile(trace)
    try:
        frame = entered()
    finally:
        sys.setprofile(before)
    assert seen == [True]
    assert not is_at_its_start(frame)
