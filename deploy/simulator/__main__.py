import argparse
import asyncio
import signal
import sys

import uvloop

from deploy.simulator.app import running


async def _serve(host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(host, port) as base_url:
        print(f"simulated provider on {base_url}", flush=True)
        await stop.wait()


def main() -> int:
    """Serve until SIGTERM or SIGINT; 1 if the address cannot be had."""
    parser = argparse.ArgumentParser(
        prog="deploy.simulator", description="A provider that misbehaves on demand."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(arguments.host, arguments.port))
    except OSError as error:
        address = f"{arguments.host}:{arguments.port}"
        print(f"cannot listen on {address}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
