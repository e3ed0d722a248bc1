"""What people and relays ask of billing over HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from deploy.local.stack import Stack
from shared.events.directory import Role, UserChanged, WorkspaceChanged
from shared.events.event import new_event_id
from shared.events.prices import PriceChanged
from shared.events.routing import Status
from shared.kafka.producer import IdempotentProducer
from tests.integration.billing.charges import assert_sums_agree, post, request
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.service import ROOT, USER, BillingService, listed
from tests.integration.kafka.broker import Broker
from tests.integration.kafka.waiting import until

TOP_UP = {"workspace_id": 2, "quota_units": 1000, "idempotency_key": "k", "note": "hello"}


@pytest.fixture
async def billing(
    start_billing: StartBilling, producer: IdempotentProducer
) -> AsyncIterator[BillingService]:
    """With workspace 2 in the directory, which is user 2's own."""
    workspace = WorkspaceChanged(
        workspace_id=2, name="ann", slug="ann", owner_user_id=2, status=Status.ENABLED
    )
    user = UserChanged(
        user_id=2,
        username="ann",
        role=Role.USER,
        status=Status.ENABLED,
        group="default",
        personal_workspace_id=2,
    )
    await producer.send_all([listed("workspace:2", workspace), listed("user:2", user)])
    async with start_billing() as started:
        yield started


async def test_a_user_is_topped_up_in_the_personal_workspace(billing: BillingService) -> None:
    body = {"user_id": 2, "quota_units": 1000, "idempotency_key": "k"}
    _, answer = await billing.call("POST", "/api/billing/topups", body)
    assert (answer["data"]["workspace_id"], answer["data"]["amount_units"]) == (2, 1000)
    for wrong in ({"user_id": 77}, {"workspace_id": 2}, {"user_id": None}):
        _, answer = await billing.call("POST", "/api/billing/topups", body | wrong)
        assert answer["success"] is False, wrong


async def test_a_top_up_is_seen_on_the_account_and_in_the_ledger(billing: BillingService) -> None:
    for is_repeated in (False, True):
        status, answer = await billing.call("POST", "/api/billing/topups", TOP_UP)
        assert (status, answer["success"]) == (200, True), answer
        assert answer["data"]["is_repeated"] is is_repeated
    _, account = await billing.call("GET", "/api/billing/account", caller=USER)
    assert account["data"] == {
        "workspace_id": 2,
        "balance_units": 1000,
        "held_units": 0,
        "available_units": 1000,
        "used_units": 0,
    }
    _, ledger = await billing.call("GET", "/api/billing/ledger?p=1&page_size=5", caller=USER)
    assert ledger["data"]["total"] == 1
    (entry,) = ledger["data"]["items"]
    assert (entry["kind"], entry["note"], entry["user_id"]) == ("top_up", "hello", 2)


@pytest.mark.parametrize(
    "changed",
    [
        {"workspace_id": 987_654_321},
        {"quota_units": 0},
        {"quota_units": -5},
        {"quota_units": 10**15 + 1},
        {"quota_units": "5"},
        {"quota_units": 1.0},
        {"idempotency_key": ""},
        {"idempotency_key": "a\u0000b"},
        {"note": "x" * 257},
    ],
)
async def test_a_wrong_top_up_is_refused(
    billing: BillingService, changed: dict[str, object]
) -> None:
    _, answer = await billing.call("POST", "/api/billing/topups", TOP_UP | changed)
    assert answer["success"] is False
    assert await billing.pool.fetchval("SELECT count(*) FROM ledger_entries") == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/billing/topups"),
        ("POST", "/api/billing/refunds"),
        ("POST", "/api/billing/adjustments"),
        ("POST", "/api/billing/transfers"),
        ("POST", "/api/billing/grants"),
        ("GET", "/api/billing/grants?workspace_id=1"),
        ("GET", "/api/billing/leases?workspace_id=1"),
        ("GET", "/api/billing/budgets?workspace_id=1"),
        ("POST", "/api/billing/leases/x/release"),
        ("GET", "/api/prices/"),
        ("PUT", "/api/prices/m"),
        ("DELETE", "/api/prices/m"),
        ("PUT", "/api/prices/groups/g"),
        ("GET", "/api/billing/account?workspace_id=1"),
        ("GET", "/api/billing/ledger?workspace_id=1"),
    ],
)
async def test_what_is_an_admins_is_not_a_users(
    billing: BillingService, method: str, path: str
) -> None:
    assert (await billing.call(method, path, {}, caller=USER))[0] == 403
    assert (await billing.call(method, path, {}, caller=None))[0] == 401


MOVE = {"idempotency_key": "k", "reason": "they asked"}


async def test_money_is_moved_by_hand_and_comes_to_the_same(billing: BillingService) -> None:
    event = request(workspace=2, quota=100)
    await post(billing.pool, event)
    refund = MOVE | {"request_id": event.request_id, "quota_units": 40}
    for is_repeated in (False, True):
        _, answer = await billing.call("POST", "/api/billing/refunds", refund)
        told = answer["data"]
        assert (told["refunded_units"], told["refundable_units"]) == (40, 60)
        assert (told["balance_after_units"], told["is_repeated"]) == (-60, is_repeated)
    adjustment = MOVE | {"workspace_id": 2, "quota_units": 70}
    _, answer = await billing.call("POST", "/api/billing/adjustments", adjustment)
    assert answer["data"]["balance_after_units"] == 10
    _, ledger = await billing.call("GET", "/api/billing/ledger", caller=USER)
    assert [entry["kind"] for entry in ledger["data"]["items"]] == [
        *("adjustment", "refund", "charge")
    ]
    await assert_sums_agree(billing.pool)


async def test_a_grant_is_seen_by_its_workspace(billing: BillingService) -> None:
    body = MOVE | {"workspace_id": 2, "quota_units": 70, "expires_at": 4_000_000_000}
    _, answer = await billing.call("POST", "/api/billing/grants", body)
    assert answer["data"]["balance_after_units"] == 70
    _, answer = await billing.call("GET", "/api/billing/grants", caller=USER)
    (seen,) = answer["data"]["items"]
    assert (seen["remaining_units"], seen["expires_at"]) == (70, 4_000_000_000)
    assert (seen["is_expired"], answer["data"]["next_before"]) == (False, None)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("grants", {"workspace_id": 2, "quota_units": 1, "expires_at": 1}),
        ("grants", {"workspace_id": 2, "quota_units": 1, "expires_at": 10**12}),
        ("grants", {"workspace_id": 99, "quota_units": 1}),
        ("refunds", {"request_id": "r", "entry_id": 1}),
        ("refunds", {}),
        ("refunds", {"request_id": "r"}),
        ("refunds", {"request_id": "\u0000"}),
        ("refunds", {"request_id": "r", "quota_units": 0}),
        ("refunds", {"request_id": "r", "quota_units": 1.5}),
        ("refunds", {"request_id": "r", "reason": ""}),
        ("adjustments", {"workspace_id": 2, "quota_units": 0}),
        ("adjustments", {"workspace_id": 99, "quota_units": 1}),
        ("adjustments", {"workspace_id": 2, "quota_units": 1, "refers_to_request_id": "r"}),
        ("transfers", {"from_workspace_id": 2, "to_workspace_id": 2, "quota_units": 1}),
        ("transfers", {"from_workspace_id": 2, "to_workspace_id": 99, "quota_units": 1}),
        ("transfers", {"from_workspace_id": 99, "to_workspace_id": 2, "quota_units": 1}),
    ],
)
async def test_a_wrong_move_is_refused(
    billing: BillingService, path: str, body: dict[str, object]
) -> None:
    status, answer = await billing.call("POST", f"/api/billing/{path}", MOVE | body)
    assert (status, answer["success"]) == (200, False)
    assert await billing.pool.fetchval("SELECT count(*) FROM ledger_entries") == 0


async def test_a_relay_asks_and_an_admin_sees_and_releases(billing: BillingService) -> None:
    await billing.call("POST", "/api/billing/topups", TOP_UP)
    ask = {
        "lease_id": "l1",
        "subject": "account:2",
        "seq": 1,
        "used_total": 0,
        "need_total": 400,
        "want_total": 400,
    }
    status, answer = await billing.tell({"relay_id": "r1", "leases": [ask]})
    assert status == 200
    assert answer["leases"][0] == {
        "lease_id": "l1",
        "seq": 1,
        "granted_total": 400,
        "state": "open",
        "is_short": False,
        "is_scarce": False,
        "spendable_units": 1000,
    }
    _, listed = await billing.call("GET", "/api/billing/leases")
    _, own = await billing.call("GET", "/api/billing/leases", caller=USER)
    assert [item["lease_id"] for item in own["data"]["items"]] == ["l1"]
    _, eves = await billing.call("GET", "/api/billing/leases", caller=replace(USER, workspace_id=3))
    assert eves["data"]["items"] == []
    (lease,) = listed["data"]["items"]
    assert (lease["relay_id"], lease["held_units"], lease["is_suspect"]) == ("r1", 400, False)
    assert lease["subject"] == "account:2"
    _, done = await billing.call("POST", "/api/billing/leases/l1/release", {"reason": "lost"})
    assert done["data"]["exposure_units"] == 400
    _, again = await billing.call("POST", "/api/billing/leases/l1/release", {"reason": "lost"})
    assert again["success"] is False


@pytest.mark.parametrize("name", ["subject", "after"])
async def test_leases_are_not_looked_for_by_what_the_database_cannot_hold(
    billing: BillingService, name: str
) -> None:
    status, answer = await billing.call("GET", f"/api/billing/leases?{name}=%00")
    assert (status, answer["success"]) == (200, False)
    assert name in answer["message"]


async def test_a_groups_ratio_is_no_model_s_price(billing: BillingService) -> None:
    """Names of models have slashes: `groups/g` must not be taken for one."""
    status, _ = await billing.call("DELETE", "/api/prices/groups/g")
    assert status == 405
    status, _ = await billing.call("DELETE", "/api/prices/vendor/groups/g")
    assert status == 200


async def test_only_a_relay_may_ask_for_leases(billing: BillingService) -> None:
    message = {"relay_id": "r1", "leases": []}
    assert (await billing.tell(message))[0] == 200
    assert (await billing.tell(message, credential="logging:other"))[0] == 403
    assert (await billing.tell(message, credential="relay:wrong"))[0] == 401
    assert (await billing.tell({"leases": "no"}))[0] == 400


async def test_a_price_is_told_to_relays_with_the_version_that_it_was_given(
    billing: BillingService, infrastructure: Stack
) -> None:
    model = f"maker/{new_event_id()}"
    status, answer = await billing.call(
        "PUT",
        f"/api/prices/{model}",
        {"model_ratio": 0.075, "completion_ratio": "4", "cache_creation_1h_ratio": "2"},
    )
    assert (status, answer["success"]) == (200, True), answer
    version = answer["data"]["version"]
    async with Broker(infrastructure.kafka_bootstrap) as broker:

        async def told() -> list[PriceChanged]:
            read = await broker.read("billing.prices")
            mine = [r for r in read if r.key == f"model:{model}".encode()]
            return [PriceChanged.model_validate_json(record.value) for record in mine]

        async def is_told(versions: list[int]) -> bool:
            events = await told()
            return bool(events and [v.version for v in events[-1].versions] == versions)

        await until(lambda: is_told([version]), "the price is on the topic")
        assert (await told())[-1].versions[0].cache_creation_1h_ratio == 2
        _, pricing = await billing.call("GET", "/api/pricing", caller=USER)
        (mine,) = [row for row in pricing["data"]["models"] if row["model"] == model]
        assert mine["input_dollars_per_million"] == 0.15
        assert mine["output_dollars_per_million"] == 0.6
        assert (mine["cache_creation_ratio"], mine["cache_creation_1h_ratio"]) == (1, 2)
        await billing.call("DELETE", f"/api/prices/{model}")
        await until(lambda: is_told([]), "the model is told to have no price")


async def test_every_dimension_of_a_price_is_kept_and_told_as_it_was_set(
    billing: BillingService, infrastructure: Stack
) -> None:
    model = f"maker/{new_event_id()}"
    dimensions = {
        "output_audio_ratio": "32.000000001",
        "output_image_ratio": "0",
        "service_tiers": {"priority": "2.5", "flex": "0.5"},
        "tool_prices": {"web_search": "10"},
        "second_prices": {"1280x720": "0.1", "any": "0.3"},
        "max_input_tokens": 400_000,
    }
    tier = {"above_prompt_tokens": 272_000, "model_ratio": "1.25", "completion_ratio": "6"}
    body = {"model_ratio": "0.625", "completion_ratio": "8", "tiers": [tier]} | dimensions
    _, answer = await billing.call("PUT", f"/api/prices/{model}", body)
    assert answer["success"] is True, answer

    _, book = await billing.call("GET", "/api/prices/", caller=ROOT)
    (kept,) = [row["current"] for row in book["data"] if row["model"] == model]
    assert kept == answer["data"]
    assert {name: kept[name] for name in dimensions} == dimensions
    assert kept["tiers"] == [
        tier | {"cache_ratio": "1", "cache_creation_ratio": "1", "cache_creation_1h_ratio": None}
    ]
    async with Broker(infrastructure.kafka_bootstrap) as broker:

        async def is_told() -> bool:
            read = await broker.read("billing.prices")
            mine = [r.value for r in read if r.key == f"model:{model}".encode() and r.value]
            events = [PriceChanged.model_validate_json(value) for value in mine]
            return bool(events) and events[-1].versions[0].model_dump(mode="json") == kept

        await until(is_told, "relays are told of the price as it is kept")


@pytest.mark.parametrize(
    "wrong", [{"tiers": [{"above_prompt_tokens": 5}]}, {"tool_prices": {"a b": 1}}]
)
async def test_a_price_that_cannot_be_is_refused_with_what_is_wrong(
    billing: BillingService, wrong: dict[str, Any]
) -> None:
    _, answer = await billing.call("PUT", "/api/prices/m", {"model_ratio": 1} | wrong)
    assert answer["success"] is False
    assert next(iter(wrong)) in answer["message"]


async def test_versions_that_no_event_could_carry_are_refused(billing: BillingService) -> None:
    """Relays are told all versions of a model in one event of at most 64 KiB."""
    model = f"maker/{new_event_id()}"
    wide = {
        "model_ratio": 1,
        "tool_prices": {f"{n:064}": "999999.999999999" for n in range(16)},
        "second_prices": {f"{n:064}": "100000.000000001" for n in range(32)},
    }
    answers = []
    for year in range(30):
        dated = wide | {"effective_from": f"{2100 + year}-01-01T00:00:00Z"}
        answers.append((await billing.call("PUT", f"/api/prices/{model}", dated))[1])
        if not answers[-1]["success"]:
            break
    assert answers[0]["success"] is True, answers[0]
    assert "too large together" in answers[-1]["message"]


async def test_group_ratios_that_no_event_could_carry_are_refused(
    billing: BillingService, infrastructure: Stack
) -> None:
    """One of them on its way to relays would keep every other price from them."""
    group, model = new_event_id(), f"maker/{new_event_id()}"
    wide = {"ratio": 1, "user_group_ratios": {f"{n:03}" + "ü" * 125: 1 for n in range(100)}}
    answers = [
        (await billing.call("PUT", f"/api/prices/groups/{group}", wide))[1] for _ in range(4)
    ]
    assert answers[0]["success"] is True, answers[0]
    assert answers[-1]["success"] is False
    assert "too large together" in answers[-1]["message"]
    await billing.call("PUT", f"/api/prices/{model}", {"model_ratio": 1})
    async with Broker(infrastructure.kafka_bootstrap) as broker:

        async def is_told() -> bool:
            read = await broker.read("billing.prices")
            return any(record.key == f"model:{model}".encode() for record in read)

        await until(is_told, "relays are told of the next price")


async def test_whoever_asks_for_prices_sees_what_their_own_group_pays(
    billing: BillingService,
) -> None:
    model, group = f"maker/{new_event_id()}", new_event_id()
    await billing.call("PUT", f"/api/prices/{model}", {"model_ratio": "0.5"})
    body = {"ratio": "0.3", "user_group_ratios": {"default": "0.2"}}
    await billing.call("PUT", f"/api/prices/groups/{group}", body)

    async def dollars(query: str = "") -> tuple[str, str]:
        _, pricing = await billing.call("GET", f"/api/pricing{query}", caller=USER)
        (row,) = [row for row in pricing["data"]["models"] if row["model"] == model]
        return row["you"]["group"], row["you"]["input_dollars_per_million"]

    assert await dollars() == ("default", "1")
    # For (the caller's own group, the group in use) there is a ratio of its own.
    assert await dollars(f"?group={group}") == (group, "0.2")
    _, unknown = await billing.call("GET", "/api/pricing?group=nobody", caller=USER)
    assert unknown["success"] is False


async def test_a_price_of_the_past_is_refused(billing: BillingService) -> None:
    body = {"model_ratio": 1, "effective_from": "2020-01-01T00:00:00Z"}
    for path in ("/api/prices/m", "/api/prices/groups/g"):
        _, answer = await billing.call("PUT", path, body | {"ratio": 1})
        assert answer == {"success": False, "message": answer["message"]}
        assert "past" in answer["message"]


async def test_a_groups_ratio_is_set_and_read(billing: BillingService) -> None:
    body = {"ratio": "0.8", "user_group_ratios": {"vip": "0.5"}}
    await billing.call("PUT", "/api/prices/groups/g", body)
    _, answer = await billing.call("GET", "/api/prices/groups/g")
    assert answer["data"]["current"]["ratio"] == "0.8"
    assert answer["data"]["current"]["user_group_ratios"] == {"vip": "0.5"}


async def test_the_well_known_models_have_their_public_prices(billing: BillingService) -> None:
    _, answer = await billing.call("GET", "/api/prices/", caller=ROOT)
    prices = {row["model"]: row["current"] for row in answer["data"]}
    mini = prices["gpt-4o-mini"]
    assert (mini["model_ratio"], mini["completion_ratio"], mini["cache_ratio"]) == (
        "0.075",
        "4",
        "0.5",
    )
    claude = prices["claude-opus-5-5"]
    assert (claude["model_ratio"], claude["completion_ratio"], claude["cache_ratio"]) == (
        "2",
        "5",
        "0.05",
    )
    assert (claude["cache_creation_ratio"], claude["cache_creation_1h_ratio"]) == ("1.25", "2")
