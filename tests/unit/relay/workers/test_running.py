"""A relay that cannot start says why and ends."""

import asyncio
import base64
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

from deploy.local.ports import HOST, Ports

_MASTER_KEY = base64.b64encode(bytes(32)).decode()


def environment(tmp_path: Path, ports: Ports, **changed: str) -> dict[str, str]:
    settings = {
        "INSTANCE": "relay-0",
        "KAFKA_BOOTSTRAP": f"{HOST}:{ports['nobody']}",
        "HTTP_PORT": str(ports["public"]),
        "INTERNAL_PORT": str(ports["internal"]),
        "SERVICE_SECRET": "secret",
        "MASTER_KEY": _MASTER_KEY,
        "JOURNAL_DIR": str(tmp_path),
        **{f"{name}_URL": f"http://{HOST}:1" for name in ("CONTROL_INTERNAL", "BILLING_INTERNAL")},
        **{f"{name}_API_URL": f"http://{HOST}:1" for name in ("CONTROL", "BILLING", "LOGGING")},
        "RELAY_WORKERS": "2",
        "LIMITS_PER_WORKER": "true",
    }
    given = {f"LEDGERLINE_{name}": value for name, value in (settings | changed).items()}
    return {"PATH": os.defpath, "PYTHONPATH": ".", **given}


async def run(variables: dict[str, str]) -> tuple[int | None, dict[str, dict[str, Any]]]:
    """The relay's exit code, and its log lines by what they tell."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "services.relay"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=variables,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    told = [json.loads(line) for line in output.splitlines()]
    return process.returncode, {line["event"]: line for line in told}


async def test_a_port_that_somebody_has_is_named(tmp_path: Path) -> None:
    """Half of all connections would go to somebody else, and no error would say so."""
    ports = Ports()
    with socket.create_server((HOST, ports["public"]), reuse_port=True):
        code, told = await run(environment(tmp_path, ports))
    assert code == 1
    assert told["relay.port_in_use"]["port"] == ports["public"]
    assert "relay.worker_started" not in told


async def test_workers_that_cannot_start_end_the_relay_and_say_why(tmp_path: Path) -> None:
    code, told = await run(environment(tmp_path, Ports(), MASTER_KEY="tooshort"))
    assert code == 1
    assert told["relay.worker_ended"]["exit_code"] == 1
    assert told["service.failed"]["worker"] in {0, 1}
    assert told["relay.no_worker_starts"]["level"] == "critical"


async def test_a_relay_that_waits_for_kafka_can_be_stopped(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "services.relay"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=environment(tmp_path, Ports()),
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while b"relay.worker_started" not in await process.stdout.readline():
            pass
        process.terminate()
        await process.stdout.read()
        assert await process.wait() == 0
