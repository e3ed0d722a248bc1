"""What `make run` prints once everything is up."""

from collections.abc import Iterator

from deploy.local.demo import Demo
from deploy.local.environment import WITH_TABLES
from deploy.local.stack import Stack


def welcome(stack: Stack, demo: Demo) -> str:
    """The login, the key, requests to paste, and the addresses. For the terminal only."""
    base_url = f"{stack.relay_url()}/v1"
    return f"""
Admin login   {demo.username} / {demo.password}
API key       {demo.api_key}

With curl:

curl -s {base_url}/chat/completions -H 'Authorization: Bearer {demo.api_key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"model": "{demo.model}", "messages": [{{"role": "user", "content": "Hello"}}]}}'

With the openai SDK (.venv/bin/python has it):

from openai import OpenAI
client = OpenAI(base_url="{base_url}", api_key="{demo.api_key}")
messages = [{{"role": "user", "content": "Hello"}}]
answer = client.chat.completions.create(model="{demo.model}", messages=messages)
print(answer.choices[0].message.content)

With the anthropic SDK:

from anthropic import Anthropic
client = Anthropic(base_url="{stack.relay_url()}", api_key="{demo.api_key}")
message = client.messages.create(model="{demo.claude_model}", max_tokens=100, messages=messages)
print(message.content[0].text)

{addresses(stack)}
Ctrl-C stops all of it and keeps the data; `make reset` throws the data away.
"""


def addresses(stack: Stack) -> str:
    """Where each process listens; one line each."""
    return "".join(f"{name:<14}{address}\n" for name, address in _addresses(stack))


def _addresses(stack: Stack) -> Iterator[tuple[str, str]]:
    names = {process.name for process in stack.processes() if process.running}
    if "relay-0" in names:
        yield "OpenAI API", f"{stack.relay_url()}/v1"
        yield "Anthropic API", stack.relay_url()
        yield "HTTP API", f"{stack.relay_url()}/api (of all services, through the relay)"
    for service in ("relay", *WITH_TABLES):
        if f"{service}-0" in names:
            yield service, f"{stack.internal_url(service)}/metrics, /health/ready"
    if "simulator" in names:
        yield "provider", f"{stack.simulator_url} (simulated)"
    yield "Kafka", stack.kafka_bootstrap
    yield "PostgreSQL", f"{stack.postgres_address} (passwords in {stack.state_dir}/secrets.json)"
    if "valkey" in names:
        yield "Valkey", f"{stack.valkey_address} (password in {stack.state_dir}/secrets.json)"
    yield "output", f"{stack.state_dir}/output"
