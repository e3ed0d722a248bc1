import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from deploy.simulator.call import Asked, ReadCall
from deploy.simulator.errors import InvalidRequestError, error_json
from deploy.simulator.exchange import Exchange
from deploy.simulator.json_text import parse_json
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

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ProviderApi:
    """The provider's own surface, `/v1`: who calls, what is asked, how it is answered."""

    def __init__(self, ledger: ServedLedger, rules: RuleBook) -> None:
        self._ledger = ledger
        self._rules = rules

    async def unknown(self, request: web.Request) -> web.StreamResponse:
        """Any other path under `/v1`."""
        return await Exchange(request).fail(404, error_json(404, f"Invalid URL ({request.method})"))

    def handler(self, read: ReadCall, exchange_type: type[Exchange] = Exchange) -> Handler:
        """The handler of one call; the exchange speaks its dialect."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(exchange_type(request), read)

        return handle

    async def _serve(self, exchange: Exchange, read: ReadCall) -> web.StreamResponse:
        error_body = exchange.error_body
        if exchange.key_sha256 is None:
            return await exchange.fail(401, error_body(401))
        try:
            asked = read(parse_json(await exchange.request.read()))
            model, suffix = split_model(asked.model)
            exchange.behaviour = self._behaviour(exchange, model, suffix, asked.prompt)
        except InvalidRequestError as error:
            return await exchange.fail(400, error_body(400, str(error), param=error.param))
        except BadSimulationError as error:
            return await exchange.fail(400, error_body(400, str(error), code="bad_simulation"))
        except ValueError:
            return await exchange.fail(400, error_body(400, "The body is not JSON."))
        served = self._ledger.begin(
            exchange.request_id,
            model=model,
            key_sha256=exchange.key_sha256,
            stream=asked.stream,
            traceparent=exchange.request.headers.get("traceparent"),
        )
        outcome: Outcome = "client_gone"
        try:
            response = await _answer(exchange, asked, served)
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


async def _answer(exchange: Exchange, asked: Asked, served: Served) -> web.StreamResponse:
    """Answer as the behaviour says; fills in the record as far as it comes."""
    behaviour = exchange.behaviour
    if behaviour.delay_ms:
        await asyncio.sleep(behaviour.delay_ms / 1000)
    if behaviour.hang:
        await hang()
    if behaviour.reset:
        reset_connection(exchange.request)
        raise GoneError
    said = f"Cannot answer: {asked.prompt}" if behaviour.echo_prompt_in_error else None
    status = behaviour.status
    if status is None and said is not None and not behaviour.error_event_mid_stream:
        status = 400
    if status is not None:
        served.status = status
        return await exchange.fail(status, exchange.error_body(status, said))
    error = exchange.error_body(exchange.mid_stream_status, said)
    prepared = asked.answer(behaviour, error)
    served.status = 200
    served.answer_id = prepared.answer_id
    served.usage = prepared.usage
    if isinstance(prepared.sent, bytes):
        return await exchange.plain(prepared.sent)
    return await send_stream(exchange.request, behaviour, prepared.sent, headers=exchange.headers())
