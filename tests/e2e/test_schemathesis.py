"""Schemathesis holds every operation of the OpenAPI document against the running gateway.

`LEDGERLINE_FUZZ_EXAMPLES=1000 LEDGERLINE_FUZZ_SEED=7` makes a longer run of it.
"""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from deploy.local.stack import Stack
from tests.gateway.fuzzing import IS_LONG, Caller, Findings, fuzz
from tests.gateway.fuzzing_cast import Cast, labels
from tests.gateway.operator import Operator
from tests.stack_fixtures import MakeStack


async def _in_turn(
    stack: Stack, callers: list[Caller], factory: pytest.TempPathFactory
) -> list[Findings]:
    return [
        await fuzz(
            caller,
            base_url=stack.relay_url(),
            provider_url=f"{stack.simulator_url}/v1",
            to=factory.mktemp("caller"),
        )
        for caller in callers
    ]


async def _document(stack: Stack) -> dict[str, Any]:
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{stack.relay_url()}/openapi.json") as response,
    ):
        document: dict[str, Any] = json.loads(await response.read())
        return document


def _not_foreseen(stack: Stack) -> list[str]:
    """What the services' logs tell of exceptions that no handler expected."""
    return [
        line
        for process in stack.processes()
        for line in process.output_path.read_text(errors="replace").splitlines()
        if '"api.failed"' in line or '"relay.failed"' in line
    ]


def _answered(found: list[Findings]) -> set[tuple[str, str, int]]:
    """Callers, operations as `GET /path`, and the statuses that they got there."""
    return {
        (one.caller.name, label, status)
        for one in found
        for label, counted in one.statuses.items()
        for method, status in counted
        if label.startswith(f"{method} ")
    }


@pytest.mark.timeout(0 if IS_LONG else 600)
async def test_no_caller_finds_a_server_error_or_an_answer_that_is_not_documented(
    make_stack: MakeStack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    stack = await make_stack(relays=1)
    document = await _document(stack)
    found: list[Findings] = []
    async with aiohttp.ClientSession() as http:
        cast = Cast(document, await Operator.of(stack, http))
        # Those who take things away come after those who need them.
        for together in ((cast.clients, cast.users), (cast.root, cast.admins)):
            callers = [await some() for some in together]
            for some in await asyncio.gather(
                *(_in_turn(stack, each, tmp_path_factory) for each in callers)
            ):
                found += some
    told = "\n".join(f"== {one.caller.name} ==\n{one.told}" for one in found if not one.is_clean)
    if told:
        pytest.fail(told, pytrace=False)
    assert _not_foreseen(stack) == []

    answered = _answered(found)
    known = labels(document)
    wanted = set(known.values())
    assert {label for _, label, _ in answered} == wanted, "an operation was left out"
    succeeded = {(name, label) for name, label, status in answered if status == 200}
    assert {label for _, label in succeeded} == wanted, "nobody got anything but errors"
    allowed = {(one.caller.name, known[i]) for one in found for i in one.caller.may}
    assert succeeded - allowed == set(), "a door is open that should be closed"
