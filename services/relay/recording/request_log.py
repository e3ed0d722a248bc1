"""The one canonical line of a request in the program's log.

What an operator searches for: ids, names of closed sets, figures; nothing that was said.
"""

from services.relay.exchange import Charge, Ending, Exchange
from services.relay.recording.completion import code_json, value_of
from services.relay.recording.event_json import as_json
from shared.events.requests import RequestCompleted
from shared.telemetry.lines import write_line


def log_request(exchange: Exchange, ending: Ending, charge: Charge, *, latency_ms: int) -> None:
    """The line of an admitted request."""
    arrival, key, channel = exchange.arrival, exchange.caller.key, exchange.channel
    attempts = len(exchange.attempts)
    upstream_ms = str(int(exchange.upstream_s * 1000)) if attempts else "null"
    write_line(
        "request",
        f'"request_id":"{arrival.request_id}","trace_id":"{arrival.trace_id}",'
        f'"workspace_id":{key.workspace_id},"key_id":{key.key_id},'
        f'"model":{exchange.terms.offer.model_json},'
        f'"channel_id":{"null" if channel is None else channel.channel_id},'
        f'"attempts":{attempts},"stream":{"true" if exchange.facts.is_stream else "false"},'
        f'"outcome":"{value_of(ending.outcome)}","error_code":{code_json(ending.error_code)},'
        f'"http_status":{ending.http_status},'
        f'"client_disconnected":{"true" if exchange.client_disconnected else "false"},'
        f'"quota":{charge.quota_units},"usage_source":"{value_of(charge.source)}",'
        f'"latency_ms":{latency_ms},"upstream_ms":{upstream_ms}',
    )


def log_rejection(event: RequestCompleted, trace_id: str) -> None:
    """The line of a request that was refused."""
    write_line(
        "request",
        f'"request_id":"{event.request_id}","trace_id":"{trace_id}",'
        f'"workspace_id":{event.workspace_id},"key_id":{event.key_id},'
        f'"model":{as_json(event.requested_model)},"channel_id":null,"attempts":0,'
        f'"stream":{"true" if event.is_stream else "false"},'
        f'"outcome":"{event.outcome.value}","error_code":{code_json(event.error_code)},'
        f'"http_status":{event.http_status},"client_disconnected":false,"quota":0,'
        f'"usage_source":"{event.usage_source.value}","latency_ms":{event.latency_ms},'
        f'"upstream_ms":null',
    )
