import asyncpg
import pytest

from services.billing.errors import database_told
from shared.http.envelope import EnvelopeError


def test_a_question_that_takes_too_long_is_told_as_that() -> None:
    with pytest.raises(EnvelopeError, match="ask for less") as told, database_told():
        raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")
    assert told.value.http_status == 503


def test_what_the_database_refuses_is_a_fault_of_ours() -> None:
    with pytest.raises(asyncpg.NumericValueOutOfRangeError), database_told():
        raise asyncpg.NumericValueOutOfRangeError
