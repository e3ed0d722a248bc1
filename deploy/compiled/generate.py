"""Python to C, in a process of its own: `python -P -m deploy.compiled.generate FOLDER`.

Leaves the C files in FOLDER, and `units.json`: which of them make which extension module.
"""

import json
import os
import sys
from pathlib import Path
from typing import Final

from mypyc.build import mypycify

from deploy.compiled.modules import MODULES
from shared.compiled.manifest import REPOSITORY

UNITS: Final = "units.json"
LIBRARY: Final = "ledgerline_compiled"


def _main() -> None:
    folder = Path(sys.argv[1])
    # Its messages and the tracebacks of compiled code name files as they are given.
    os.chdir(REPOSITORY)
    extensions = mypycify(
        # The types are those that `make check` has checked; its cache is not for us to write.
        [f"--cache-dir={folder / 'types'}", *(f"{name.replace('.', '/')}.py" for name in MODULES)],
        strip_asserts=True,
        # A C file for each module: as many at a time as there are cores, and little memory.
        multi_file=True,
        group_name=LIBRARY,
        target_dir=str(folder),
    )
    units = [
        {
            "module": extension.name,
            "sources": [str(source) for source in extension.sources],
            "include": [str(each) for each in extension.include_dirs],
        }
        for extension in extensions
    ]
    (folder / UNITS).write_text(json.dumps(units), encoding="utf-8")


if __name__ == "__main__":
    _main()
