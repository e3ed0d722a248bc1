"""A module that says it is pure is held to it: one of the import contracts names it."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

_REPOSITORY = Path(__file__).parents[3]
_CONTRACTS = frozenset({"rules-are-pure", "decisions-do-no-io"})


def pure_modules() -> Iterator[str]:
    for top in ("services", "shared"):
        for path in (_REPOSITORY / top).rglob("*.py"):
            said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            if "Pure" in said:
                yield ".".join(path.relative_to(_REPOSITORY).with_suffix("").parts)


def test_whoever_says_pure_is_under_a_contract() -> None:
    configured = tomllib.loads((_REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    held = {
        module
        for contract in configured["tool"]["importlinter"]["contracts"]
        if contract["id"] in _CONTRACTS
        for module in contract["source_modules"]
    }

    said = set(pure_modules())

    assert said
    assert not {
        module
        for module in said
        if not any(module == each or module.startswith(f"{each}.") for each in held)
    }
