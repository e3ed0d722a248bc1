"""Keeping the collector of cycles away while a batch is written.

A batch makes some hundred thousand objects that live until it is committed, and none in a cycle:
looking through them again and again took a seventh of all its time.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Cycles that others make meanwhile wait until the block ends: a second or two."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
