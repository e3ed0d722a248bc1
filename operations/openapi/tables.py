"""The services' tables of calls, by the name under which the document shows them."""

from collections.abc import Mapping, Sequence
from typing import Final

from services.billing import described as billing
from services.control.described import channels, keys, models, people
from services.logging.described import log, requests, transparency, usage
from services.relay import described as relay
from shared.http.described import Described

TABLES: Final[Mapping[str, Sequence[Described]]] = {
    "status": relay.CALLS,
    "people": people.CALLS,
    "keys": keys.CALLS,
    "channels": channels.CALLS,
    "models": models.CALLS,
    "billing": billing.CALLS,
    "log": log.CALLS,
    "requests": requests.CALLS,
    "transparency": transparency.CALLS,
    "usage": usage.CALLS,
}
