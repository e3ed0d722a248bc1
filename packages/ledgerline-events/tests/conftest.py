"""The servers of the tests that need some; one that is not named fails them, it skips nothing."""

import os

import pytest


@pytest.fixture
def kafka() -> str:
    """A broker's address, whose topics a test may add to."""
    return os.environ["LEDGERLINE_EVENTS_KAFKA"]


@pytest.fixture
def postgresql() -> str:
    """The address of a database in which a test may make tables."""
    return os.environ["LEDGERLINE_EVENTS_POSTGRESQL"]
