"""Prices proposed, compared with the book, and published: over HTTP, on the real database."""

import asyncio
import io
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import asyncpg
import orjson
import pytest

from services.billing.prices.drafts import (
    Proposal,
    compare,
    make_draft,
    publish,
    put_price,
    throw_away,
)
from services.billing.prices.price_body import PriceFields
from services.billing.prices.store_drafts import read_draft
from shared.events.audit import ActionTaken
from shared.events.event import new_event_id
from shared.http.assertions import ASSERTION_HEADER
from shared.kafka.outbox_rows import decode_row
from shared.postgres.retrying import in_transaction
from tests.integration.billing.conftest import StartBilling
from tests.integration.billing.service import ROOT, USER, BillingService
from tests.integration.billing.test_top_ups import ADMIN


@pytest.fixture
async def billing(start_billing: StartBilling) -> AsyncIterator[BillingService]:
    async with start_billing() as started:
        yield started


async def done(billing: BillingService, method: str, path: str, body: Any = None) -> Any:
    status, answer = await billing.call(method, path, body)
    assert (status, answer["success"]) == (200, True), answer
    return answer.get("data")


async def made(billing: BillingService, **body: Any) -> str:
    draft = await done(
        billing, "POST", "/api/prices/drafts", {"name": "d", "source": "file"} | body
    )
    return f"/api/prices/drafts/{draft['draft_id']}"


async def current(billing: BillingService, model: str) -> dict[str, Any] | None:
    book = await done(billing, "GET", "/api/prices/")
    found: list[dict[str, Any] | None] = [row["current"] for row in book if row["model"] == model]
    return found[0] if found else None


async def test_a_draft_is_compared_published_once_and_then_left_alone(
    billing: BillingService,
) -> None:
    known, new, same, group = (f"maker/{new_event_id()}" for _ in range(4))
    for model in (known, same):
        await done(billing, "PUT", f"/api/prices/{model}", {"model_ratio": 2})
    tier = {"above_prompt_tokens": 9, "model_ratio": "3"}
    draft = await made(
        billing,
        prices={
            known: {"model_ratio": "2.5", "tiers": [tier]},
            new: {"model_ratio": 1, "tool_prices": {"web_search": "10"}},
            same: {"model_ratio": "2.0"},
        },
        group_ratios={group: {"ratio": "0.7"}},
    )

    diff = await done(billing, "GET", f"{draft}/diff")
    assert (diff["added"], diff["unchanged"]) == ([new], 1)
    (changed,) = diff["changed"]
    assert changed["model"] == known
    assert changed["fields"]["model_ratio"] == {
        "old": "2",
        "new": "2.5",
        "change_percent": "25.00",
    }
    assert "gpt-4o-mini" in diff["not_in_draft"]
    assert diff["group_ratios"]["added"] == [group]

    asked = {"expected_book_version": diff["book_version"]}
    published = await done(billing, "POST", f"{draft}/publish", asked)

    assert published["versions"].keys() == {known, new, f"group:{group}"}
    held = await current(billing, known)
    assert held is not None
    assert held["version"] == published["versions"][known]
    assert held["tiers"][0]["model_ratio"] == "3"
    told = await done(billing, "GET", f"/api/prices/groups/{group}")
    assert told["current"]["ratio"] == "0.7"
    shown = await done(billing, "GET", draft)
    assert shown["published_versions"] == published["versions"]
    again = await done(billing, "GET", f"{draft}/diff")
    assert (again["added"], again["changed"], again["unchanged"]) == ([], [], 3)
    for method, path, body in (
        ("POST", f"{draft}/publish", {"expected_book_version": again["book_version"]}),
        ("PUT", f"{draft}/models/{new}", {"model_ratio": 9}),
        ("DELETE", draft, None),
    ):
        _, answer = await billing.call(method, path, body)
        assert answer["success"] is False, path
        assert "published" in answer["message"]


@pytest.mark.parametrize("change", ["price", "withdrawal", "group", "draft"])
async def test_a_draft_is_not_published_over_a_book_that_changed_since(
    billing: BillingService, change: str
) -> None:
    mine, others = f"maker/{new_event_id()}", f"maker/{new_event_id()}"
    await done(billing, "PUT", f"/api/prices/{others}", {"model_ratio": 1})
    draft = await made(billing, prices={mine: {"model_ratio": 1}})
    diff = await done(billing, "GET", f"{draft}/diff")
    match change:
        case "price":
            await done(billing, "PUT", f"/api/prices/{others}", {"model_ratio": 2})
        case "withdrawal":
            await done(billing, "DELETE", f"/api/prices/{others}")
        case "draft":
            await done(billing, "PUT", f"{draft}/models/{mine}", {"model_ratio": 9})
        case _:
            await done(billing, "PUT", f"/api/prices/groups/{others}", {"ratio": 2})

    asked = {"expected_book_version": diff["book_version"]}
    status, answer = await billing.call("POST", f"{draft}/publish", asked)

    assert (status, answer["success"]) == (409, False)
    assert await current(billing, mine) is None


async def test_a_draft_is_not_published_for_another_time_than_it_was_compared_for(
    billing: BillingService,
) -> None:
    """Between the two another price comes into force."""
    model = f"maker/{new_event_id()}"
    times = [f"{year}-01-01T00:00:00Z" for year in (2100, 2101, 2102)]
    body = {"model_ratio": 2, "effective_from": times[1]}
    await done(billing, "PUT", f"/api/prices/{model}", body)
    draft = await made(billing, prices={model: {"model_ratio": 1}})
    before, after = [
        (await done(billing, "GET", f"{draft}/diff?effective_from={times[when]}"))
        for when in (0, 2)
    ]
    assert (before["added"], after["added"]) == ([model], [])
    late = {"effective_from": times[2]}

    asked = late | {"expected_book_version": before["book_version"]}
    assert (await billing.call("POST", f"{draft}/publish", asked))[0] == 409
    asked = late | {"expected_book_version": after["book_version"]}
    published = await done(billing, "POST", f"{draft}/publish", asked)
    assert published["versions"].keys() == {model}


async def test_all_that_is_published_at_once_holds_from_one_moment_on(
    billing: BillingService,
) -> None:
    models, group = [f"maker/{new_event_id()}" for _ in range(20)], new_event_id()
    prices = {model: {"model_ratio": 1} for model in models}
    draft = await made(billing, prices=prices, group_ratios={group: {"ratio": 1}})
    diff = await done(billing, "GET", f"{draft}/diff")
    asked = {"expected_book_version": diff["book_version"]}
    await done(billing, "POST", f"{draft}/publish", asked)
    book = await done(billing, "GET", "/api/prices/")
    since = {row["current"]["effective_from"] for row in book if row["model"] in models}
    told = await done(billing, "GET", f"/api/prices/groups/{group}")
    assert since == {told["current"]["effective_from"]}


async def test_a_draft_may_be_as_large_as_it_may_have_models(billing: BillingService) -> None:
    price = {"model_ratio": "0.075", "completion_ratio": "4", "cache_ratio": "0.5"} | {
        "tiers": [{"above_prompt_tokens": 200_000, "model_ratio": "0.15"}],
        "service_tiers": {"priority": "2.5", "flex": "0.5"},
        "tool_prices": {"web_search": "10", "code_interpreter": "30"},
    }
    prices = {f"maker/{new_event_id()}": price for _ in range(5_000)}
    for more, is_made in (({}, True), ({"one/more": price}, False)):
        body = {"name": "d", "source": "file", "prices": prices | more}
        headers = {
            ASSERTION_HEADER: billing.signer.sign(ROOT, audience="billing"),
            "Content-Type": "application/json",
        }
        url, sent = f"{billing.api_url}/api/prices/drafts", io.BytesIO(orjson.dumps(body))
        async with billing.session.post(url, data=sent, headers=headers) as response:
            answer = await response.json()
        assert (response.status, answer["success"]) == (200, is_made)
        assert not is_made or answer["data"]["models"] == 5_000


async def test_published_twice_at_once_it_holds_once(billing: BillingService) -> None:
    model = f"maker/{new_event_id()}"
    draft = await made(billing, prices={model: {"model_ratio": 1}})
    diff = await done(billing, "GET", f"{draft}/diff")
    asked = {"expected_book_version": diff["book_version"]}
    answers = await asyncio.gather(
        *(billing.call("POST", f"{draft}/publish", asked) for _ in range(4))
    )
    assert sum(answer["success"] for _, answer in answers) == 1
    assert await billing.pool.fetchval("SELECT count(*) FROM prices WHERE model = $1", model) == 1


async def test_a_draft_may_hold_from_a_time_that_is_to_come(billing: BillingService) -> None:
    model = f"maker/{new_event_id()}"
    await done(billing, "PUT", f"/api/prices/{model}", {"model_ratio": 1})
    draft = await made(billing, prices={model: {"model_ratio": 4}})
    since = "2100-01-01T00:00:00Z"
    diff = await done(billing, "GET", f"{draft}/diff?effective_from={since}")
    asked = {"expected_book_version": diff["book_version"], "effective_from": since}
    await done(billing, "POST", f"{draft}/publish", asked)
    held = await current(billing, model)
    assert held is not None
    assert held["model_ratio"] == "1"
    pricing = await done(billing, "GET", "/api/pricing")
    (row,) = [row for row in pricing["models"] if row["model"] == model]
    assert row["coming"]["effective_from"] == since


async def test_prices_are_imported_from_the_package_and_may_be_changed_before(
    billing: BillingService,
) -> None:
    body = {
        "source": "genai-prices",
        "providers": ["anthropic", "openai"],
        "models": ["claude-sonnet-4-5", "gpt-5", "nothing-of-the-kind"],
    }
    draft = await made(billing, **body)
    shown = await done(billing, "GET", draft)
    assert shown["prices"].keys() == {"claude-sonnet-4-5", "gpt-5"}
    assert shown["prices"]["claude-sonnet-4-5"]["tiers"][0]["above_prompt_tokens"] == 200_000
    assert {"model": "nothing-of-the-kind", "what": "the source does not know it"} in shown[
        "warnings"
    ]
    await done(billing, "PUT", f"{draft}/models/maker/own", {"model_ratio": "7"})
    changed = await done(billing, "DELETE", f"{draft}/models/gpt-5")
    assert changed["prices"].keys() == {"claude-sonnet-4-5", "maker/own"}
    listed = await done(billing, "GET", "/api/prices/drafts")
    assert [row["models"] for row in listed["items"] if draft.endswith(f"/{row['draft_id']}")] == [
        2
    ]
    await done(billing, "DELETE", draft)
    _, gone = await billing.call("GET", draft)
    assert gone["success"] is False


@pytest.mark.parametrize(
    "body",
    [
        {"source": "genai-prices"},
        {"source": "genai-prices", "providers": ["nobody"]},
        {"source": "file"},
        {"source": "elsewhere"},
        {"source": "file", "prices": {"m": {"model_ratio": -1}}},
        {"source": "file", "prices": {"m\x00": {"model_ratio": 1}}},
        # No call could name them, to change or to remove them.
        {"source": "file", "prices": {"groups/g": {"model_ratio": 1}}},
        {"source": "file", "prices": {"maker//m": {"model_ratio": 1}}},
    ],
)
async def test_what_no_draft_can_be_made_of_is_refused(
    billing: BillingService, body: dict[str, Any]
) -> None:
    status, answer = await billing.call("POST", "/api/prices/drafts", {"name": "d"} | body)
    assert (status, answer["success"]) == (200, False), answer


async def test_no_model_of_a_draft_is_called_what_no_call_can_name(billing: BillingService) -> None:
    draft = await made(billing, source="empty")
    for name in ("groups/g", "drafts/d", "drafts"):
        path = f"{draft}/models/{name}"
        status, answer = await billing.call("PUT", path, {"model_ratio": 1})
        assert (status, answer["success"]) == (200, False), name


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
async def test_a_time_that_no_clock_reaches_is_refused(billing: BillingService, at: str) -> None:
    draft = await made(billing, prices={f"maker/{new_event_id()}": {"model_ratio": 1}})
    since = {"effective_from": at, "model_ratio": 1, "ratio": 1, "expected_book_version": "x"}
    for method, path in (
        ("PUT", f"/api/prices/{new_event_id()}"),
        ("PUT", f"/api/prices/groups/{new_event_id()}"),
        ("POST", f"{draft}/publish"),
        ("GET", f"{draft}/diff?effective_from={quote(at)}"),
    ):
        status, answer = await billing.call(method, path, since)
        assert (status, answer["success"]) == (200, False), path
        assert "effective_from" in answer["message"], path


async def test_what_is_done_to_a_draft_is_told_with_who_did_it(pool: asyncpg.Pool) -> None:
    async def do(work: Any, *arguments: Any, **named: Any) -> Any:
        return await in_transaction(pool, lambda c: work(c, ADMIN, *arguments, **named))

    price = PriceFields(model_ratio=Decimal(2))
    proposal = Proposal("mine", "file", {"a": price, "b": price}, {})
    kept, thrown = [await do(make_draft, proposal) for _ in range(2)]
    await do(put_price, kept, "a", None)
    await do(throw_away, thrown)
    draft = await read_draft(pool, kept)
    assert draft is not None
    word = (await compare(pool, draft, None)).book_version
    await do(publish, kept, effective_from=None, expected_book_version=word)

    rows = await pool.fetch(
        "SELECT records FROM event_outbox WHERE topic = 'audit.actions' ORDER BY id"
    )
    actions = [
        ActionTaken.model_validate_json(record.value or b"")
        for row in rows
        for record in decode_row(row["records"])
    ]
    assert [(action.action, action.resource_id) for action in actions] == [
        ("price_draft.make", str(kept)),
        ("price_draft.make", str(thrown)),
        ("price_draft.change", str(kept)),
        ("price_draft.remove", str(thrown)),
        ("price.set", "b"),
        ("price_draft.publish", str(kept)),
    ]
    assert {(action.actor_user_id, action.actor_name) for action in actions} == {(1, "root")}
    assert actions[0].changes == {"name": "mine", "source": "file", "models": "2"}
    assert actions[2].changes == {"model": "a"}
    assert actions[4].changes["model_ratio"] == "2"
    assert actions[5].changes == {"versions": "1"}


async def test_drafts_are_for_admins(billing: BillingService) -> None:
    for method, path in (
        ("GET", "/api/prices/drafts"),
        ("POST", "/api/prices/drafts"),
        ("GET", "/api/prices/drafts/1"),
        ("DELETE", "/api/prices/drafts/1"),
        ("GET", "/api/prices/drafts/1/diff"),
        ("POST", "/api/prices/drafts/1/publish"),
        ("PUT", "/api/prices/drafts/1/models/m"),
        ("DELETE", "/api/prices/drafts/1/models/m"),
    ):
        status, _ = await billing.call(method, path, {}, caller=USER)
        assert status == 403, (method, path)
