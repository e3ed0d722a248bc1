"""Which program a user agent is of, by name: a closed set. Pure."""

from typing import Final

_PREFIXES: Final = (
    ("openai/python", "openai-python"),
    ("asyncopenai/python", "openai-python"),
    ("openai/js", "openai-node"),
    ("openai/node", "openai-node"),
    ("openai/go", "openai-go"),
    ("openai/java", "openai-java"),
    ("openai/ruby", "openai-ruby"),
    ("openai/.net", "openai-dotnet"),
    ("openai-dotnet", "openai-dotnet"),
    ("anthropic/python", "anthropic-python"),
    ("asyncanthropic/python", "anthropic-python"),
    ("anthropic/js", "anthropic-node"),
    ("anthropic/go", "anthropic-go"),
    ("anthropic/java", "anthropic-java"),
    ("anthropic/ruby", "anthropic-ruby"),
    ("claude-cli", "claude-code"),
    ("codex_", "codex"),
    ("ai-sdk", "vercel-ai-sdk"),
    ("langchain", "langchain"),
    ("litellm", "litellm"),
    ("python-httpx", "python-httpx"),
    ("python-requests", "python-requests"),
    ("python-urllib", "python-urllib"),
    ("aiohttp", "aiohttp"),
    ("python/", "aiohttp"),
    ("axios", "axios"),
    ("node-fetch", "node-fetch"),
    ("undici", "node"),
    ("node", "node"),
    ("bun/", "bun"),
    ("deno/", "deno"),
    ("go-http-client", "go-http-client"),
    ("okhttp", "okhttp"),
    ("java-http-client", "java-http-client"),
    ("apache-httpclient", "apache-httpclient"),
    ("reqwest", "reqwest"),
    ("guzzlehttp", "guzzle"),
    ("curl", "curl"),
    ("wget", "wget"),
    ("postmanruntime", "postman"),
    ("mozilla/", "browser"),
)
"""How a user agent begins, and whose that is; the first that fits."""


def client_of(user_agent: str) -> str | None:
    """The name of the library or program; null where it is none that is known."""
    lowered = user_agent.lower()
    for prefix, name in _PREFIXES:
        if lowered.startswith(prefix):
            # aiohttp calls itself `Python/3.11 aiohttp/3.9`, and other programs of Python do not.
            if prefix == "python/" and "aiohttp/" not in lowered:
                return None
            return name
    return None
