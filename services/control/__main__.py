"""`python -P -m services.control [migrate | rebuild | create-root …]`."""

import argparse
import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from services.control.app import open_app
from services.control.fields import Named, Password
from services.control.people.people import DEFAULT_GROUP, NewUser, create_root
from services.control.people.store_users import RootExistsError, UsernameTakenError, has_root
from services.control.rebuild import rebuild
from services.control.sessions.passwords import Passwords
from services.control.settings import ControlSettings
from shared.events.directory import Role
from shared.postgres.migrate import migrate
from shared.postgres.pool import open_pool
from shared.postgres.retrying import in_transaction
from shared.service.running import configure_service_logs, run

_SERVICE: Final = "control"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_ROOT_EXISTS: Final = "there is a root user already"
_MAX_INPUT: Final = 1024


def main() -> int:
    """Run the service, or one of its commands."""
    arguments = _parser().parse_args()
    settings = ControlSettings()  # type: ignore[call-arg]  # the environment has them
    if arguments.command is None:
        run(_SERVICE, settings, open_app)
        return 0
    configure_service_logs(_SERVICE, settings)
    if arguments.command == "migrate":
        return asyncio.run(_migrate(settings))
    if arguments.command == "rebuild":
        return asyncio.run(_rebuild(settings))
    return asyncio.run(_create_root(settings, arguments.username))


async def _migrate(settings: ControlSettings) -> int:
    if settings.postgres_owner_dsn is None:
        return _refuse("LEDGERLINE_POSTGRES_OWNER_DSN is needed to migrate")
    owner_dsn = settings.postgres_owner_dsn.get_secret_value()
    applied = await migrate(owner_dsn, schema=_SERVICE, directory=_MIGRATIONS)
    print(f"{applied} migrations applied")
    return 0


async def _rebuild(settings: ControlSettings) -> int:
    dsn = settings.postgres_dsn.get_secret_value()
    async with open_pool(dsn, min_size=1, max_size=1, application_name="rebuild") as pool:
        try:
            marked = await rebuild(pool, bootstrap=settings.kafka_bootstrap)
        except TimeoutError:
            return _refuse("the state topics could not be read within a minute")
    print(f"{marked} keys marked; a running control publishes them")
    return 0


async def _create_root(settings: ControlSettings, username: str) -> int:
    try:
        username = TypeAdapter[str](Named).validate_python(username)
        password = sys.stdin.buffer.readline(_MAX_INPUT).decode().rstrip("\r\n")
        TypeAdapter[Password](Password).validate_python(password)
    except (ValidationError, UnicodeDecodeError):
        return _refuse("a username of 1 to 128 and a password of 8 to 128 characters are needed")
    dsn = settings.postgres_dsn.get_secret_value()
    async with (
        open_pool(dsn, min_size=1, max_size=1, application_name="create-root") as pool,
        Passwords(workers=1, queue=1) as passwords,
    ):
        if await has_root(pool):
            return _refuse(_ROOT_EXISTS)
        new = NewUser(
            username=username,
            password_hash=await passwords.hash(password),
            display_name="",
            role=Role.ROOT,
            group=DEFAULT_GROUP,
        )
        try:
            user_id = await in_transaction(pool, partial(create_root, new=new))
        except RootExistsError:
            return _refuse(_ROOT_EXISTS)
        except UsernameTakenError:
            return _refuse("the username is taken")
    print(f"root user {user_id} created")
    return 0


def _refuse(why: str) -> int:
    sys.stderr.write(f"{why}\n")
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="services.control", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("migrate", help="bring the tables up to date")
    commands.add_parser("rebuild", help="publish all state again")
    root = commands.add_parser("create-root", help="make the first user")
    root.add_argument("--username", required=True)
    root.add_argument("--password-stdin", action="store_true", required=True)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
