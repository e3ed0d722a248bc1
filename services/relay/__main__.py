"""`python -P -m services.relay`."""

import argparse
import sys
from functools import partial

from shared.compiled.using import NotCompiledError, use_compiled


def main() -> None:
    """Run the relay: one process; or the supervisor of several; or, started by it, one of them."""
    parser = argparse.ArgumentParser(prog="python -P -m services.relay", description=main.__doc__)
    parser.add_argument("--worker", type=int, help="its number; for the supervisor's use")
    parser.add_argument("--line", type=int, help="its line to the supervisor, a file descriptor")
    arguments = parser.parse_args()
    try:
        code = use_compiled("LEDGERLINE_RELAY_COMPILED")
    except NotCompiledError as error:
        sys.exit(str(error))
    # PLC0415: what is compiled is found as such from here on only. Each process imports what it
    # runs, and the supervisor needs next to nothing of it.
    from services.relay.settings import RelaySettings  # noqa: PLC0415

    settings = RelaySettings()  # type: ignore[call-arg]  # the environment has them
    if arguments.worker is not None:
        from services.relay.workers.worker import work  # noqa: PLC0415

        work(settings, number=arguments.worker, line_fd=arguments.line, code=code)
    elif settings.relay_workers > 1:
        from services.relay.workers.running import supervise  # noqa: PLC0415

        supervise(settings)
    else:
        from services.relay.app import open_app  # noqa: PLC0415
        from services.relay.workers.place import Alone  # noqa: PLC0415
        from shared.service.running import run  # noqa: PLC0415

        run("relay", settings, partial(open_app, place=Alone(), code=code))


if __name__ == "__main__":
    main()
