from typing import Final

from aiohttp import web
from pydantic import ValidationError

from deploy.simulator.errors import error_json
from deploy.simulator.json_text import to_json
from deploy.simulator.ledger import ServedLedger
from deploy.simulator.misbehaviour import BadSimulationError, read_behaviour
from deploy.simulator.rules import Rule, RuleBook

_DEFAULT_LAST: Final = 100


def control_routes(ledger: ServedLedger, rules: RuleBook) -> list[web.RouteDef]:
    """What a test asks of the simulator: rules, and what was served. Needs no key."""

    async def health(_request: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def put_rule(request: web.Request) -> web.Response:
        try:
            rule = Rule.model_validate_json(await request.read())
            read_behaviour(rule.behaviour)
        except (ValidationError, BadSimulationError) as error:
            body = error_json(400, str(error), code="bad_simulation")
            return web.Response(body=body, status=400, content_type="application/json")
        rules.put(rule)
        return _json(rules.listing())

    async def get_rules(_request: web.Request) -> web.Response:
        return _json(rules.listing())

    async def delete_rules(_request: web.Request) -> web.Response:
        rules.clear()
        return web.Response(status=204)

    async def get_served(request: web.Request) -> web.Response:
        last = request.query.get("last", "")
        return _json(ledger.report(int(last) if last.isdecimal() else _DEFAULT_LAST))

    async def delete_served(_request: web.Request) -> web.Response:
        ledger.reset()
        return web.Response(status=204)

    return [
        web.get("/health", health),
        web.put("/control/behaviour", put_rule),
        web.get("/control/behaviour", get_rules),
        web.delete("/control/behaviour", delete_rules),
        web.get("/control/served", get_served),
        web.delete("/control/served", delete_served),
    ]


def _json(value: object) -> web.Response:
    return web.Response(body=to_json(value), content_type="application/json")
