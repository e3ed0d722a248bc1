import socket
from collections.abc import Iterator

import pytest

from deploy.local.ports import HOST, PortInUseError, Ports


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as somebody_else:
        somebody_else.bind((HOST, 0))
        somebody_else.listen()
        yield somebody_else.getsockname()[1]


async def test_a_port_in_use_is_named_with_the_variable_that_changes_it(taken_port: int) -> None:
    ports = Ports.from_environment({"LEDGERLINE_PORT": str(taken_port)})
    with pytest.raises(PortInUseError) as raised:
        await ports.require_free()
    expected = f"port {taken_port} (relay-0/api) is in use; set LEDGERLINE_PORT to another"
    assert expected in str(raised.value)


@pytest.mark.parametrize("value", ["", "0", "65536", "eighty", "-1"])
def test_what_is_no_port_is_refused_by_the_name_of_its_variable(value: str) -> None:
    with pytest.raises(ValueError, match="LEDGERLINE_KAFKA_PORT must be a port number"):
        Ports.from_environment({"LEDGERLINE_KAFKA_PORT": value})


def test_two_parts_cannot_have_one_port() -> None:
    with pytest.raises(ValueError, match="LEDGERLINE_KAFKA_PORT: port 8080 is another part's"):
        Ports.from_environment({"LEDGERLINE_KAFKA_PORT": "8080"})


def test_a_free_port_stays_with_its_name_and_with_no_other() -> None:
    ports = Ports()
    names = [f"relay-{index}/api" for index in range(20)]
    numbers = [ports[name] for name in names]
    assert len(set(numbers)) == len(names)
    assert [ports[name] for name in names] == numbers
