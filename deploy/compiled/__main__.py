"""Compile the relay's hot path: `python -P -m deploy.compiled`. See docs/decisions/0016."""

import argparse
import sys
from time import monotonic

from deploy.compiled.build import BuildError, build, up_to_date
from deploy.compiled.modules import MODULES
from deploy.compiled.toolchain import NoToolchainError


def main() -> int:
    """0: there is a build of what is here now. 2: it cannot be made here. 1: it failed."""
    parser = argparse.ArgumentParser(prog="python -P -m deploy.compiled", description=__doc__)
    parser.add_argument(
        "--if-possible", action="store_true", help="no failure where there is no C compiler"
    )
    arguments = parser.parse_args()
    if up_to_date() is not None:
        return 0
    began = monotonic()
    print(f"compiling {len(MODULES)} modules (once, about a minute)", flush=True)
    try:
        folder = build()
    except NoToolchainError as error:
        print(f"the relay stays interpreted: {error}", file=sys.stderr)
        return 0 if arguments.if_possible else 2
    except BuildError as error:
        print(f"the relay cannot be compiled:\n{error}", file=sys.stderr)
        return 1
    print(f"compiled in {monotonic() - began:.0f} s into {folder.parent.name}/{folder.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
