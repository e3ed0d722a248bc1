"""`python -P -m services.billing [migrate]`."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final

from services.billing.app import SERVICE, open_app
from services.billing.settings import BillingSettings
from shared.postgres.migrate import migrate
from shared.service.running import configure_service_logs, run

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def main() -> int:
    """Run the service, or bring its tables up to date."""
    parser = argparse.ArgumentParser(prog="services.billing", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["migrate"])
    arguments = parser.parse_args()
    settings = BillingSettings()  # type: ignore[call-arg]  # the environment has them
    if arguments.command is None:
        run(SERVICE, settings, open_app)
        return 0
    configure_service_logs(SERVICE, settings)
    if settings.postgres_owner_dsn is None:
        sys.stderr.write("LEDGERLINE_POSTGRES_OWNER_DSN is needed to migrate\n")
        return 1
    owner_dsn = settings.postgres_owner_dsn.get_secret_value()
    applied = asyncio.run(migrate(owner_dsn, schema=SERVICE, directory=_MIGRATIONS))
    print(f"{applied} migrations applied")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
