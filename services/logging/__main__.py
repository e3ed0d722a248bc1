"""`python -P -m services.logging` runs the service, `… migrate` brings its tables up to date."""

import asyncio
import sys
from pathlib import Path

from services.logging.app import open_app
from services.logging.settings import LoggingSettings
from shared.postgres.migrate import migrate
from shared.service.running import configure_service_logs, run

_MIGRATIONS = Path(__file__).with_name("migrations")


def main(arguments: list[str]) -> None:
    """Run the service, or the command that `arguments` names."""
    settings = LoggingSettings()  # type: ignore[call-arg]  # from the environment
    match arguments:
        case []:
            run("logging", settings, open_app)
        case ["migrate"]:
            configure_service_logs("logging", settings)
            if settings.postgres_owner_dsn is None:
                sys.exit("LEDGERLINE_POSTGRES_OWNER_DSN is needed to migrate")
            dsn = settings.postgres_owner_dsn.get_secret_value()
            asyncio.run(migrate(dsn, schema="logging", directory=_MIGRATIONS))
        case _:
            sys.exit("usage: python -P -m services.logging [migrate]")


if __name__ == "__main__":
    main(sys.argv[1:])
