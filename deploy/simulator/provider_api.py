import asyncio
from typing import Final

from aiohttp import web

from deploy.simulator.chat import answer_json, make_answer
from deploy.simulator.chat_request import (
    ChatRequest,
    InvalidRequestError,
    last_user_text,
    read_chat_request,
)
from deploy.simulator.errors import asked_error_json, error_json
from deploy.simulator.events import EventWriter
from deploy.simulator.exchange import Exchange
from deploy.simulator.json_text import parse_json, to_json
from deploy.simulator.ledger import Outcome, Served, ServedLedger
from deploy.simulator.misbehaviour import (
    WELL_BEHAVED,
    BadSimulationError,
    Behaviour,
    from_header,
    from_text,
    read_behaviour,
    split_model,
)
from deploy.simulator.rules import RuleBook
from deploy.simulator.wire import GoneError, hang, reset_connection, send_stream

MODELS: Final = ("gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini", "o4-mini")
_MODELS_CREATED: Final = 1_700_000_000
_MODELS_BODY: Final = to_json(
    {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": _MODELS_CREATED, "owned_by": "openai"}
            for name in MODELS
        ],
    }
)


class ProviderApi:
    """The provider's own surface, `/v1`: who calls, what is asked, how it is answered."""

    def __init__(self, ledger: ServedLedger, rules: RuleBook) -> None:
        self._ledger = ledger
        self._rules = rules

    async def models(self, request: web.Request) -> web.StreamResponse:
        """`GET /v1/models`."""
        exchange = Exchange(request)
        if exchange.key_sha256 is None:
            return await exchange.fail(401, error_json(401))
        return await exchange.plain(_MODELS_BODY)

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        """Any other path under `/v1`."""
        return await Exchange(request).fail(404, error_json(404, f"Invalid URL ({request.method})"))

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/chat/completions`."""
        exchange = Exchange(request)
        if exchange.key_sha256 is None:
            return await exchange.fail(401, error_json(401))
        try:
            asked = read_chat_request(parse_json(await request.read()))
            prompt = last_user_text(asked.messages)
            model, suffix = split_model(asked.model)
            behaviour = self._behaviour(exchange, model, suffix, prompt)
        except InvalidRequestError as error:
            return await exchange.fail(400, error_json(400, str(error), param=error.param))
        except BadSimulationError as error:
            return await exchange.fail(400, error_json(400, str(error), code="bad_simulation"))
        except ValueError:
            return await exchange.fail(400, error_json(400, "The body is not JSON."))
        exchange.behaviour = behaviour
        served = self._ledger.begin(
            exchange.request_id,
            model=model,
            key_sha256=exchange.key_sha256,
            stream=asked.stream,
            traceparent=request.headers.get("traceparent"),
        )
        outcome: Outcome = "client_gone"
        try:
            response = await _answer(exchange, asked, prompt, served)
            outcome = "completed" if served.usage is not None else "refused"
        except GoneError:
            outcome = "cut"
            return web.StreamResponse()  # goes nowhere: the connection is closed
        else:
            return response
        finally:
            self._ledger.end(served, outcome)

    def _behaviour(
        self, exchange: Exchange, model: str, suffix: dict[str, object], prompt: str
    ) -> Behaviour:
        """Rules first, then the model's suffix, the header, the prompt's marker: the last wins."""
        header = exchange.request.headers.get("x-simulate")
        by_rules = self._rules.asked(model, exchange.key_sha256 or "")
        by_request = suffix | (from_header(header) if header else {}) | from_text(prompt)
        if not by_rules and not by_request:
            return WELL_BEHAVED
        behaviour = read_behaviour(by_rules | by_request)
        times = behaviour.status_times
        if times is not None and not self._rules.refuse_again(prompt, times):
            return behaviour.model_copy(update={"status": None, "echo_prompt_in_error": False})
        return behaviour


async def _answer(
    exchange: Exchange, asked: ChatRequest, prompt: str, served: Served
) -> web.StreamResponse:
    """Answer as the behaviour says; fills in the record as far as it comes."""
    behaviour = exchange.behaviour
    if behaviour.delay_ms:
        await asyncio.sleep(behaviour.delay_ms / 1000)
    if behaviour.hang:
        await hang()
    if behaviour.reset:
        reset_connection(exchange.request)
        raise GoneError
    status = behaviour.status
    if status is None and behaviour.echo_prompt_in_error and not behaviour.error_event_mid_stream:
        status = 400
    if status is not None:
        served.status = status
        return await exchange.fail(status, asked_error_json(status, prompt, behaviour))
    answer = make_answer(asked, behaviour)
    served.status = 200
    served.answer_id = answer.answer_id
    served.usage = answer.usage
    if not asked.stream:
        return await exchange.plain(answer_json(answer, behaviour))
    events = EventWriter(answer, behaviour, include_usage=asked.include_usage)
    payloads = events.payloads(asked_error_json(500, prompt, behaviour))
    return await send_stream(exchange.request, behaviour, payloads, headers=exchange.headers())
