"""The whole gateway, as a client's SDK and an operator's tools see it."""

from collections.abc import AsyncIterator

import aiohttp
import anthropic
import openai
import pytest_asyncio

from deploy.local.stack import Stack
from tests.gateway.operator import Operator


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def operator(stack: Stack) -> AsyncIterator[Operator]:
    async with aiohttp.ClientSession() as http:
        yield await Operator.of(stack, http)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def client(stack: Stack, operator: Operator) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{stack.relay_url()}/v1", api_key=operator.demo.api_key, max_retries=0, timeout=20
    ) as sdk:
        yield sdk


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def claude(stack: Stack, operator: Operator) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=stack.relay_url(), api_key=operator.demo.api_key, max_retries=0, timeout=20
    ) as sdk:
        yield sdk
