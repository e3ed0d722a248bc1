"""What a build holds for: compiled modules, and all of ours that they import."""

from pathlib import Path

from deploy.compiled.closure import sources_of
from deploy.compiled.modules import MODULES
from shared.compiled.manifest import REPOSITORY


def test_everything_that_is_imported_counts_however_far_away(tmp_path: Path) -> None:
    files = {
        "services/__init__.py": "",
        "services/one.py": "import json\nfrom shared import three\n",
        "shared/__init__.py": "from shared.four import X\n",
        "shared/three.py": "def f():\n    from shared.deep.five import Y\n",
        "shared/four.py": "import orjson\nX = 1\n",
        "shared/deep/five.py": "from services.one import Z\n",
        "shared/unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    paths, distributions = sources_of(["services.one"], root=tmp_path)
    assert paths == sorted(files.keys() - {"shared/unused.py"})
    [orjson] = distributions
    assert orjson.startswith("orjson-")


def test_the_list_names_each_module_once_in_order() -> None:
    assert list(MODULES) == sorted(set(MODULES))
    for module in MODULES:
        assert (REPOSITORY / f"{module.replace('.', '/')}.py").is_file(), module


def test_what_starts_a_process_is_not_compiled() -> None:
    """It is imported before compiled modules can be found."""
    paths, _ = sources_of(["shared.compiled.using"])
    listed = {f"{module.replace('.', '/')}.py" for module in MODULES}
    assert not listed & {*paths, "services/relay/__main__.py"}
