"""`python -P -m operations.events_package`: the models of `packages/ledgerline-events`, made anew.

One module for each public event, from its committed JSON Schema. A test holds the files against it.
"""

import json
import re
from pathlib import Path
from typing import Final

from datamodel_code_generator import InputFileType, PythonVersion, generate
from datamodel_code_generator.enums import DataModelType, DefaultValueType
from datamodel_code_generator.format import Formatter

from operations.events_package.tolerant import tolerant
from shared.events.catalog import CATALOG
from shared.events.event import Event
from shared.events.schemas import schema_path

_REPOSITORY: Final = Path(__file__).resolve().parents[2]
MODELS: Final = _REPOSITORY / "packages/ledgerline-events/src/ledgerline_events/models"
_HEADER: Final = (
    '"""`{type}`, as its JSON Schema has it.\n\n'
    "Made by `python -P -m operations.events_package`; do not edit.\n"
    '"""'
)


def public_events() -> list[type[Event]]:
    """The events that teams may build on."""
    return [event for topic in CATALOG if topic.is_public for event in topic.events]


def module_of(event: type[Event]) -> str:
    """The module's name: `RequestCompleted` is in `request_completed`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", event.__name__).lower()


def files() -> dict[Path, str]:
    """Every file of the models, whole, by where it is kept."""
    made = {MODELS / f"{module_of(event)}.py": _module(event) for event in public_events()}
    return {**made, MODELS / "__init__.py": _package()}


def _module(event: type[Event]) -> str:
    schema = json.loads(schema_path(event).read_text(encoding="utf-8"))
    text = generate(
        json.dumps(tolerant(schema)),
        input_file_type=InputFileType.JsonSchema,
        output_model_type=DataModelType.PydanticV2BaseModel,
        target_python_version=PythonVersion.PY_311,
        class_name=event.__name__,
        base_class="ledgerline_events.model.Model",
        strict_nullable=True,
        collapse_root_models=True,
        disable_future_imports=True,
        deserialize_default_values=[DefaultValueType.Decimal],
        use_schema_description=True,
        use_field_description=True,
        use_single_line_docstring=True,
        use_standard_collections=True,
        use_union_operator=True,
        custom_file_header=_HEADER.format(type=event.TYPE),
        formatters=[Formatter.RUFF_FORMAT],
        settings_path=_REPOSITORY,
    )
    return f"{text}\n"


def _package() -> str:
    names = {event.__name__: module_of(event) for event in public_events()}
    imports = "".join(
        f"from ledgerline_events.models.{module} import {name}\n"
        for name, module in sorted(names.items(), key=lambda item: item[1])
    )
    types = "".join(f'    "{event.TYPE}": {event.__name__},\n' for event in public_events())
    exported = "".join(f'    "{name}",\n' for name in sorted({"BY_TYPE", *names}))
    header = _HEADER.replace("`{type}`, as its JSON Schema has it.", "The public events' models.")
    return (
        f"{header}\n\nfrom typing import Final\n\n"
        f"from ledgerline_events.model import Model\n{imports}\n"
        f"BY_TYPE: Final[dict[str, type[Model]]] = {{\n{types}}}\n"
        f'"""By `ce_type`."""\n\n__all__ = [\n{exported}]\n'
    )


def main() -> None:
    """Write the files."""
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
