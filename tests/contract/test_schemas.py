"""The committed documents are those that the models make, and hold for records of every age."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.events.compatibility import incompatibilities
from shared.events.event import Event
from shared.events.requests import RequestCompleted
from shared.events.schemas import documents, events, main, refusals, schema_of, schema_path

EVENTS = [pytest.param(event, id=event.TYPE) for event in events()]
Schema = dict[str, Any]


def test_the_committed_documents_are_the_generated_ones() -> None:
    for path, text in documents().items():
        assert path.read_text(encoding="utf-8") == text, f"make {path.name} again"


@pytest.mark.parametrize("event", EVENTS)
def test_each_is_a_schema_of_the_dialect_it_names(event: type[Event]) -> None:
    Draft202012Validator.check_schema(json.loads(schema_path(event).read_text()))


def test_no_model_breaks_its_committed_schema() -> None:
    assert refusals() == []


@pytest.mark.parametrize("event", EVENTS)
def test_a_schema_is_compatible_with_itself(event: type[Event]) -> None:
    assert incompatibilities(schema_of(event), schema_of(event)) == []


def _remove_field(schema: Schema) -> None:
    del schema["properties"]["user_agent"]


def _require_new_field(schema: Schema) -> None:
    schema["properties"]["region"] = {"type": "string", "maxLength": 8}
    schema["required"].append("region")


def _require_old_field(schema: Schema) -> None:
    schema["required"].append("tags")


def _narrow_type(schema: Schema) -> None:
    schema["properties"]["channel_id"] = schema["properties"]["channel_id"]["anyOf"][0]


def _widen_type(schema: Schema) -> None:
    field = schema["properties"]["latency_ms"]
    schema["properties"]["latency_ms"] = {"anyOf": [field, {"type": "null"}]}


def _change_type(schema: Schema) -> None:
    schema["properties"]["workspace_id"] = {"type": "string"}


def _narrow_enum(schema: Schema) -> None:
    schema["$defs"]["Outcome"]["enum"].remove("rejected")


def _lower_maximum(schema: Schema) -> None:
    schema["properties"]["quota"]["maximum"] -= 1


def _raise_minimum(schema: Schema) -> None:
    schema["properties"]["http_status"]["minimum"] += 1


def _shorten_text(schema: Schema) -> None:
    schema["properties"]["path"]["maxLength"] -= 1


def _shorten_list(schema: Schema) -> None:
    schema["properties"]["attempts"]["maxItems"] -= 1


def _shorten_entry(schema: Schema) -> None:
    (entry,) = schema["properties"]["tags"]["patternProperties"].values()
    entry["maxLength"] -= 1


def _tighten_pattern(schema: Schema) -> None:
    schema["properties"]["dialect"]["pattern"] = "^[a-z]*$"


def _narrow_nested(schema: Schema) -> None:
    schema["$defs"]["Attempt"]["required"].append("error_code")


@pytest.mark.parametrize(
    "change",
    [
        *(_remove_field, _require_new_field, _require_old_field, _narrow_type, _widen_type),
        *(_change_type, _narrow_enum, _lower_maximum, _raise_minimum, _shorten_text),
        *(_shorten_list, _shorten_entry, _tighten_pattern, _narrow_nested),
    ],
)
def test_an_incompatible_change_is_refused(change: Callable[[Schema], None]) -> None:
    old = schema_of(RequestCompleted)
    new = copy.deepcopy(old)
    change(new)

    assert incompatibilities(old, new)


def test_growth_is_welcome() -> None:
    old = schema_of(RequestCompleted)
    new = copy.deepcopy(old)
    new["properties"]["region"] = {"type": "string", "maxLength": 8, "default": ""}
    new["properties"]["path"]["maxLength"] += 1
    new["$defs"]["ErrorCode"]["enum"].append("upstream_moody")
    new["required"].remove("latency_ms")

    assert incompatibilities(old, new) == []


def test_the_command_writes_nothing_over_an_incompatible_schema(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(tmp_path) == 0
    path = schema_path(RequestCompleted, tmp_path)
    kept = json.loads(path.read_text())
    kept["properties"]["prior"] = {"type": "integer"}
    path.write_text(json.dumps(kept))

    assert main(tmp_path) == 1

    assert json.loads(path.read_text()) == kept
    assert f"{RequestCompleted.TYPE}: value.prior: is gone" in capsys.readouterr().err
