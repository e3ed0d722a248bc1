from pathlib import Path

import pytest

from operations.bench.go_build import GoMissingError, built_go_proxy


async def test_a_machine_without_go_is_told_from_one_whose_build_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GoMissingError, match="no `go`"):
        await built_go_proxy(tmp_path)
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho it is too old\nexit 1\n")
    go.chmod(0o755)
    with pytest.raises(GoMissingError, match="failed: it is too old"):
        await built_go_proxy(tmp_path)
