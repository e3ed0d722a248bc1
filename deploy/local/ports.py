"""The ports of a stack: one table, their variables, and the check that they are free."""

import asyncio
import random
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HOST = "127.0.0.1"
_RELEASE_DEADLINE_S = 3.0
# Below the kernel's ephemeral range, so that no outgoing connection sits on the port of a
# process that is being restarted.
_FREE_RANGE = range(20_000, 32_000)


class PortInUseError(RuntimeError):
    """Somebody else listens on a port that the stack needs."""


@dataclass(frozen=True)
class PortSetting:
    """One listening port: its name in the stack, its variable, and its default for `make run`."""

    name: str
    variable: str
    default: int


PORT_SETTINGS = (
    PortSetting("relay-0/api", "LEDGERLINE_PORT", 8080),
    PortSetting("relay-0/internal", "LEDGERLINE_RELAY_INTERNAL_PORT", 8081),
    PortSetting("control-0/api", "LEDGERLINE_CONTROL_PORT", 8082),
    PortSetting("control-0/internal", "LEDGERLINE_CONTROL_INTERNAL_PORT", 8083),
    PortSetting("billing-0/api", "LEDGERLINE_BILLING_PORT", 8084),
    PortSetting("billing-0/internal", "LEDGERLINE_BILLING_INTERNAL_PORT", 8085),
    PortSetting("logging-0/api", "LEDGERLINE_LOGGING_PORT", 8086),
    PortSetting("logging-0/internal", "LEDGERLINE_LOGGING_INTERNAL_PORT", 8087),
    PortSetting("simulator", "LEDGERLINE_SIMULATOR_PORT", 8088),
    PortSetting("postgres", "LEDGERLINE_POSTGRES_PORT", 15432),
    PortSetting("kafka", "LEDGERLINE_KAFKA_PORT", 19092),
    PortSetting("valkey", "LEDGERLINE_VALKEY_PORT", 16379),
    PortSetting("kafka/controller", "LEDGERLINE_KAFKA_CONTROLLER_PORT", 19093),
)
_VARIABLES = {setting.name: setting.variable for setting in PORT_SETTINGS}


class Ports:
    """The number of each named port; a name without one gets a free one when first asked for."""

    def __init__(self, numbers: Mapping[str, int] | None = None) -> None:
        self._numbers = dict(numbers or {})

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Ports":
        """The ports of `make run`: the table's defaults, changed by their variables.

        Raises ValueError for a variable that is not a port, or that names another's.
        """
        numbers: dict[str, int] = {}
        for setting in PORT_SETTINGS:
            number = _port_number(setting, environment)
            if number in numbers.values():
                raise ValueError(f"{setting.variable}: port {number} is another part's already")
            numbers[setting.name] = number
        return cls(numbers)

    def __getitem__(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = _free_port(taken=self._numbers.values())
        return self._numbers[name]

    async def require_free(self) -> None:
        """Check every port that has a number; raises PortInUseError that names all in use.

        What a stack that just died still holds is waited for.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _RELEASE_DEADLINE_S
        while used := [name for name, port in self._numbers.items() if not _can_bind(port)]:
            if loop.time() > deadline:
                raise PortInUseError("\n".join(self._describe(name) for name in used))
            await asyncio.sleep(0.1)

    def _describe(self, name: str) -> str:
        problem = f"port {self._numbers[name]} ({name}) is in use"
        variable = _VARIABLES.get(name)
        return f"{problem}; set {variable} to another" if variable else problem


def _port_number(setting: PortSetting, environment: Mapping[str, str]) -> int:
    text = environment.get(setting.variable, str(setting.default))
    if not text.isdecimal() or not 0 < int(text) < 65_536:  # noqa: PLR2004 - the size of the field
        raise ValueError(f"{setting.variable} must be a port number")
    return int(text)


def _free_port(taken: Iterable[int]) -> int:
    candidates = random.sample(_FREE_RANGE, k=200)
    for port in candidates:
        if port not in taken and _can_bind(port):
            return port
    raise PortInUseError(f"no free port found between {_FREE_RANGE.start} and {_FREE_RANGE.stop}")


def _can_bind(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do, so that connections in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
