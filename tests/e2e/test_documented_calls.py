"""The commands of pages in docs do what the pages say."""

import asyncio
import json
import re
from pathlib import Path

import pytest

import operations
from deploy.local.stack import Stack
from tests.gateway.operator import Operator

DOCS = Path(operations.__file__).parents[1] / "docs"
PAGES = [("log-api.md", 18), ("keys.md", 14), ("usage.md", 4)]
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize(("page", "count"), PAGES)
async def test_each_command_of_the_page_is_answered(
    stack: Stack, operator: Operator, tmp_path: Path, page: str, count: int
) -> None:
    assert operator.demo.api_key
    (tmp_path / ".state").symlink_to(stack.state_dir)
    text = "\n".join(_BLOCK.findall((DOCS / page).read_text()))
    commands = text.replace("http://127.0.0.1:8080", stack.relay_url())
    # Each answer on a line of its own; a function of the script's hides the program.
    script = f'set -eu\ncurl() {{ command curl --fail "$@"; echo; }}\n{commands}'

    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", script), cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()

    assert process.returncode == 0, out.decode()
    answers = [json.loads(line) for line in out.decode().splitlines() if line.strip()]
    refused = [answer for answer in answers if answer.get("success") is False]
    assert refused == []
    assert len(answers) == count
