"""`python -P -m services.billing [migrate | rebuild | prices …]`."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final

from services.billing.app import SERVICE, open_app
from services.billing.prices.commands import add_price_commands, run_price_command
from services.billing.rebuild import rebuild_topics
from services.billing.settings import BillingSettings
from shared.postgres.migrate import migrate
from shared.postgres.pool import open_pool
from shared.service.running import configure_service_logs, run

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def main() -> int:
    """Run the service, or one of its commands."""
    parser = argparse.ArgumentParser(prog="services.billing", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("migrate", help="bring the tables up to date")
    commands.add_parser("rebuild", help="publish all state again")
    add_price_commands(commands.add_parser("prices", help="propose prices and publish them"))
    arguments = parser.parse_args()
    settings = BillingSettings()  # type: ignore[call-arg]  # the environment has them
    if arguments.command is None:
        run(SERVICE, settings, open_app)
        return 0
    configure_service_logs(SERVICE, settings)
    if arguments.command == "prices":
        return asyncio.run(_prices(settings, arguments))
    return asyncio.run(_migrate(settings) if arguments.command == "migrate" else _rebuild(settings))


async def _migrate(settings: BillingSettings) -> int:
    if settings.postgres_owner_dsn is None:
        sys.stderr.write("LEDGERLINE_POSTGRES_OWNER_DSN is needed to migrate\n")
        return 1
    owner_dsn = settings.postgres_owner_dsn.get_secret_value()
    applied = await migrate(owner_dsn, schema=SERVICE, directory=_MIGRATIONS)
    print(f"{applied} migrations applied")
    return 0


async def _rebuild(settings: BillingSettings) -> int:
    dsn = settings.postgres_dsn.get_secret_value()
    async with open_pool(dsn, min_size=1, max_size=1, application_name="rebuild") as pool:
        marked = await rebuild_topics(pool, bootstrap=settings.kafka_bootstrap)
    print(f"{marked} keys marked; a running billing publishes them")
    return 0


async def _prices(settings: BillingSettings, arguments: argparse.Namespace) -> int:
    dsn = settings.postgres_dsn.get_secret_value()
    async with open_pool(dsn, min_size=1, max_size=1, application_name="prices") as pool:
        return await run_price_command(pool, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
