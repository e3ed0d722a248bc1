"""The version that `/api/status` and the documents tell."""

from typing import Final

VERSION: Final = "0.2.0"
