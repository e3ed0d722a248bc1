"""The commands about drafts, as an operator gives them."""

import argparse
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.billing.prices.commands import add_price_commands, run_price_command


async def test_a_file_is_proposed_compared_and_published_by_commands(
    pool: asyncpg.Pool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_price_commands(parser)

    async def run(*words: str) -> tuple[int, dict[str, Any]]:
        code = await run_price_command(pool, parser.parse_args(words))
        out = capsys.readouterr().out
        return code, json.loads(out) if out else {}

    path = tmp_path / "prices.csv"
    table = "model,model_ratio,completion_ratio\nmaker/m,1.5,4\ngpt-4o-mini,0.15,4\n"
    path.write_text(table, "utf-8-sig")  # as spreadsheets write it
    _, made = await run("import-file", "mine", str(path))
    draft = str(made["draft_id"])
    _, diff = await run("diff", draft)
    assert diff["prices"]["added"] == ["maker/m"]
    assert diff["prices"]["changed"]["gpt-4o-mini"]["model_ratio"]["change_percent"] == "100.00"

    code, _ = await run("publish", draft, "--expected-book-version", "another")
    assert code == 1
    version = diff["book_version"]
    code, published = await run("publish", draft, "--expected-book-version", version)

    assert code == 0
    assert published["versions"].keys() == {"maker/m", "gpt-4o-mini"}
    code, _ = await run("import-file", "mine", str(tmp_path / "nothing.json"))
    assert code == 1
    _, imported = await run("import-genai", "g", "--provider", "openai", "--model", "gpt-5")
    assert imported["models"] == 1
