import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest
from anthropic import AsyncAnthropic
from openai import AsyncOpenAI

from deploy.simulator.app import running

HEADERS = {"Authorization": "Bearer sk-test"}


@dataclass(frozen=True)
class Simulator:
    """A running simulator, and the ways in which tests speak to it."""

    url: str
    session: aiohttp.ClientSession

    def chat(self, text: str = "hello", **fields: Any) -> Any:
        """A raw chat request; `simulate` is sent as a marker in the prompt."""
        if (simulate := fields.pop("simulate", None)) is not None:
            text = f"{text} [[simulate {json.dumps(simulate)}]]"
        body = {
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": text}],
            **fields,
        }
        return self.session.post(f"{self.url}/v1/chat/completions", json=body, headers=HEADERS)

    async def served(self) -> Any:
        async with self.session.get(f"{self.url}/control/served") as response:
            return await response.json()

    async def put_rule(self, **rule: Any) -> None:
        async with self.session.put(f"{self.url}/control/behaviour", json=rule) as response:
            assert response.status == 200, await response.text()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with running("127.0.0.1", 0) as url, aiohttp.ClientSession() as session:
        yield Simulator(url, session)


@pytest.fixture
async def openai_client(simulator: Simulator) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(
        api_key="sk-test", base_url=f"{simulator.url}/v1", max_retries=0
    ) as client:
        yield client


@pytest.fixture
async def anthropic_client(simulator: Simulator) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(api_key="sk-test", base_url=simulator.url, max_retries=0) as client:
        yield client
