"""Schemathesis against the public door, as one caller at a time."""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.gateway import fuzzing_hooks

EXAMPLES: Final = int(os.environ.get("LEDGERLINE_FUZZ_EXAMPLES", "10"))
"""Of each operation and caller, beyond the cases that are derived from the document alone."""
IS_LONG: Final = EXAMPLES >= 100
"""Whether minutes do not matter."""
SEED: Final = int(os.environ.get("LEDGERLINE_FUZZ_SEED", "1"))
# Not `negative_data_rejection`: existing tools send fields that we do not know, failures of `/api`
# are HTTP 200, and of `/v1` the provider judges.
_CHECKS: Final = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "unsupported_method",
    "allow_header_conformance",
    *fuzzing_hooks.CHECKS,
)
_PROGRAM: Final = "from schemathesis.cli import schemathesis; schemathesis()"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who calls which operations (by their ids), with what."""

    name: str
    operations: frozenset[str]
    may: frozenset[str]
    """Those that the document lets the caller make: 200 from another is a door left open."""
    headers: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    """For the hooks."""
    has_coverage: bool = True
    """Whether the cases that follow from the document alone are tried too; they are most."""
    examples: int = EXAMPLES


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What came of it."""

    caller: Caller
    is_clean: bool
    told: str
    """Schemathesis' own report, for people."""
    statuses: Mapping[str, Counter[tuple[str, int]]]
    """Of each operation, as `GET /path`: how often a method got a status."""


async def fuzz(
    caller: Caller,
    *,
    base_url: str,
    provider_url: str,
    to: Path,
) -> Findings:
    """Run until all is tried, in the folder `to`. Does not raise for what is found.

    One worker: two would share Hypothesis' caches, which are not made for it.
    """
    events = to / "events.ndjson"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", _PROGRAM, "run", f"{base_url}/openapi.json"),
        *("--include-operation-id-regex", f"^({'|'.join(sorted(caller.operations))})$"),
        *("--seed", str(SEED), "--max-examples", str(caller.examples)),
        *("--phases", "examples,coverage,fuzzing" if caller.has_coverage else "fuzzing"),
        *("--checks", ",".join(_CHECKS), "--continue-on-failure", "--no-shrink", "--no-color"),
        *("--generation-with-security-parameters", "false", "--generation-database", "none"),
        *("--suppress-health-check", "all", "--warnings", "off", "--request-timeout", "30"),
        *("--report", "ndjson", "--report-ndjson-path", str(events)),
        *(part for name, value in caller.headers.items() for part in ("-H", f"{name}: {value}")),
        cwd=to,
        env={
            **os.environ,
            **caller.environment,
            fuzzing_hooks.BASE_URL: base_url,
            fuzzing_hooks.PROVIDER_URL: provider_url,
            "SCHEMATHESIS_HOOKS": fuzzing_hooks.__name__,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Findings(
        caller=caller,
        is_clean=process.returncode == 0,
        told=told.decode(errors="replace"),
        statuses=_statuses(events),
    )


def _statuses(events: Path) -> dict[str, Counter[tuple[str, int]]]:
    found: dict[str, Counter[tuple[str, int]]] = {}
    with events.open(encoding="utf-8") as lines:
        for line in lines:
            recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder")
            if recorder is None:
                continue
            counted = found.setdefault(recorder["label"], Counter())
            for call in recorder.get("interactions", {}).values():
                if (response := call.get("response")) is not None:
                    counted[call["request"]["method"], response["status_code"]] += 1
    return found
