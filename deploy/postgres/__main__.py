"""Create the roles from the environment: `python -P -m deploy.postgres`."""

import asyncio
import json
import os
import sys

from deploy.postgres.roles import create_roles


def _main() -> None:
    try:
        dsn = os.environ["LEDGERLINE_POSTGRES_SUPERUSER_DSN"]
        passwords = json.loads(os.environ["LEDGERLINE_POSTGRES_PASSWORDS"])
    except (KeyError, json.JSONDecodeError) as error:
        sys.exit(
            "LEDGERLINE_POSTGRES_SUPERUSER_DSN and LEDGERLINE_POSTGRES_PASSWORDS (a JSON object, "
            f"role to password) must be set: {type(error).__name__}"
        )
    asyncio.run(create_roles(dsn, passwords))
    print("roles are up to date")


if __name__ == "__main__":
    _main()
