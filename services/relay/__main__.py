"""`python -P -m services.relay`."""

import argparse
from functools import partial

from services.relay.settings import RelaySettings


def main() -> None:
    """Run the relay: one process; or the supervisor of several; or, started by it, one of them."""
    parser = argparse.ArgumentParser(prog="python -P -m services.relay", description=main.__doc__)
    parser.add_argument("--worker", type=int, help="its number; for the supervisor's use")
    parser.add_argument("--line", type=int, help="its line to the supervisor, a file descriptor")
    arguments = parser.parse_args()
    settings = RelaySettings()  # type: ignore[call-arg]  # the environment has them
    # PLC0415: each process imports what it runs, and the supervisor needs next to nothing of it.
    if arguments.worker is not None:
        from services.relay.workers.worker import work  # noqa: PLC0415

        work(settings, number=arguments.worker, line_fd=arguments.line)
    elif settings.relay_workers > 1:
        from services.relay.workers.running import supervise  # noqa: PLC0415

        supervise(settings)
    else:
        from services.relay.app import open_app  # noqa: PLC0415
        from services.relay.workers.place import Alone  # noqa: PLC0415
        from shared.service.running import run  # noqa: PLC0415

        run("relay", settings, partial(open_app, place=Alone()))


if __name__ == "__main__":
    main()
