"""A service in which one place raises: `python -P -m tests.failure.forced SERVICE MODULE:NAME`.

The exception's message quotes whatever the place was given, as a careless library's would.
"""

import runpy
import sys
from importlib import import_module
from typing import Any

from tests.failure.marker import MARKER


def main() -> None:
    """Spoil the place, then run the service as it is."""
    service, place = sys.argv[1:3]
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    if not callable(getattr(owner, name)):
        raise TypeError(place)

    def raising(*args: object, **kwargs: object) -> None:
        local = f"{MARKER} {args!r} {kwargs!r}"
        raise RuntimeError(local)

    setattr(owner, name, raising)
    sys.argv = [f"services.{service}"]
    runpy.run_module(f"services.{service}", run_name="__main__")


if __name__ == "__main__":
    main()
