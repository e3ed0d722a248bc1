"""No committed file names a registry or a place on somebody's machine; see docs/decisions/0008."""

import re
import subprocess
from pathlib import Path

_REPOSITORY = Path(__file__).parents[3]
_REGISTRIES = re.compile(
    "|".join(
        re.escape(host + end)
        for host, end in (("pypi", ".org"), ("pythonhosted", ".org"), ("maven", ".org"),
                          ("maven", ".apache.org"), ("docker", ".io"), ("ghcr", ".io"),
                          ("npmjs", ".org"), ("npmjs", ".com"), ("yarnpkg", ".com"))
    )
)  # fmt: skip
_GENERATED = {"uv.lock"}


def test_only_the_lock_file_names_a_registry() -> None:
    # S607: which git, is the machine's choice.
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=_REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    named = {
        name
        for name in filter(None, listed.split("\0"))
        if (path := _REPOSITORY / name).is_file()
        and _REGISTRIES.search(path.read_text(encoding="utf-8", errors="replace"))
    }
    assert named <= _GENERATED
