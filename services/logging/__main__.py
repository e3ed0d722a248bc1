"""`python -P -m services.logging [migrate | check … | rebuild …]`."""

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Final

from shared.compiled.using import NotCompiledError, use_compiled

try:
    _CODE: Final = use_compiled("LEDGERLINE_LOGGING_COMPILED")
except NotCompiledError as error:
    sys.exit(str(error))
# E402: what is compiled is found as such from here on only.
from services.logging.app import open_app
from services.logging.rebuild.commands import add_commands, run_command
from services.logging.settings import LoggingSettings
from shared.postgres.migrate import migrate
from shared.postgres.pool import open_pool
from shared.service.running import configure_service_logs, run

_SERVICE: Final = "logging"
_MIGRATIONS: Final = Path(__file__).with_name("migrations")


def main() -> int:
    """Run the service, or one of its commands; answers the exit code."""
    parser = argparse.ArgumentParser(prog="services.logging", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("migrate", help="bring the tables up to date")
    add_commands(commands)
    arguments = parser.parse_args()
    settings = LoggingSettings()  # type: ignore[call-arg]  # from the environment
    if arguments.command is None:
        run(_SERVICE, settings, partial(open_app, code=_CODE))
        return 0
    configure_service_logs(_SERVICE, settings)
    if arguments.command == "migrate":
        return asyncio.run(_migrate(settings))
    return asyncio.run(_run(settings, arguments))


async def _migrate(settings: LoggingSettings) -> int:
    if settings.postgres_owner_dsn is None:
        sys.stderr.write("LEDGERLINE_POSTGRES_OWNER_DSN is needed to migrate\n")
        return 1
    dsn = settings.postgres_owner_dsn.get_secret_value()
    await migrate(dsn, schema=_SERVICE, directory=_MIGRATIONS)
    return 0


async def _run(settings: LoggingSettings, arguments: argparse.Namespace) -> int:
    dsn = settings.postgres_dsn.get_secret_value()
    name = f"{_SERVICE} {arguments.command}"
    async with open_pool(dsn, min_size=1, max_size=3, application_name=name) as pool:
        return await run_command(
            pool,
            arguments,
            partition_hours=settings.log_partition_hours,
            bootstrap=settings.kafka_bootstrap,
        )


if __name__ == "__main__":
    raise SystemExit(main())
