import hashlib
from typing import Any

from tests.unit.simulator.conftest import Simulator


async def status_of(simulator: Simulator, text: str = "hello", **fields: Any) -> int:
    async with simulator.chat(text, **fields) as response:
        await response.read()
        return int(response.status)


async def test_a_rule_holds_for_its_model_and_so_many_times(simulator: Simulator) -> None:
    await simulator.put_rule(model="gpt-4o", behaviour={"status": 503}, times=2)
    assert await status_of(simulator) == 200
    assert [await status_of(simulator, model="gpt-4o") for _ in range(3)] == [503, 503, 200]


async def test_a_rule_may_hold_for_one_key(simulator: Simulator) -> None:
    mine, other = (hashlib.sha256(key).hexdigest() for key in (b"sk-test", b"sk-other"))
    await simulator.put_rule(model="*", key_sha256=other, behaviour={"status": 500})
    assert await status_of(simulator) == 200
    await simulator.put_rule(model="*", key_sha256=mine, behaviour={"status": 500})
    assert await status_of(simulator) == 500


async def test_a_specific_rule_wins_and_deleting_ends_all(simulator: Simulator) -> None:
    await simulator.put_rule(model="gpt-4o", behaviour={"status": 429})
    await simulator.put_rule(behaviour={"status": 500})
    assert await status_of(simulator, model="gpt-4o") == 429
    assert await status_of(simulator, model="gpt-4.1") == 500
    async with simulator.session.get(f"{simulator.url}/control/behaviour") as response:
        assert [rule["applied"] for rule in await response.json()] == [1, 2]
    async with simulator.session.delete(f"{simulator.url}/control/behaviour") as response:
        assert response.status == 204
    assert await status_of(simulator, model="gpt-4o") == 200


async def test_a_rule_of_an_unknown_behaviour_is_refused(simulator: Simulator) -> None:
    async with simulator.session.put(
        f"{simulator.url}/control/behaviour", json={"behaviour": {"stauts": 500}}
    ) as response:
        assert response.status == 400


async def test_a_prompt_is_refused_so_many_times_and_then_answered(simulator: Simulator) -> None:
    simulate = {"status": 500, "status_times": 2, "echo_prompt_in_error": True}
    for text in ("first", "second"):
        statuses = [await status_of(simulator, text, simulate=simulate) for _ in range(4)]
        assert statuses == [500, 500, 200, 200]


async def test_status_times_of_a_rule_counts_over_prompts(simulator: Simulator) -> None:
    await simulator.put_rule(behaviour={"status": 500, "status_times": 1})
    assert [await status_of(simulator, text) for text in ("a", "b")] == [500, 200]


async def test_what_was_served_is_counted(simulator: Simulator) -> None:
    async with simulator.chat("12345678") as response:
        request_id = response.headers["x-request-id"]
        answer = await response.json()
    await status_of(simulator, "12345678", stream=True)
    await status_of(simulator, "x", model="gpt-4o!status=500")
    report = await simulator.served()
    assert report["totals"] == {
        "requests": 3,
        "streams": 1,
        "completed": 2,
        "cut": 0,
        "client_gone": 0,
        "refused": 1,
        "in_flight": 0,
        "most_in_flight": 1,
        "by_status": {"200": 2, "500": 1},
        "prompt_tokens": 4,
        "completion_tokens": 32,
    }
    assert report["models"]["gpt-4o"]["refused"] == 1
    assert report["keys_sha256"] == {hashlib.sha256(b"sk-test").hexdigest(): 3}
    first = report["requests"][0]
    assert first["request_id"] == request_id
    assert first["answer_id"] == answer["id"]
    assert first["outcome"] == "completed"
    assert first["usage"]["completion_tokens"] == 16
    async with simulator.session.delete(f"{simulator.url}/control/served") as response:
        assert response.status == 204
    assert (await simulator.served())["totals"]["requests"] == 0


async def test_health_answers(simulator: Simulator) -> None:
    async with simulator.session.get(f"{simulator.url}/health") as response:
        assert response.status == 200
