"""Bounded numbers of the events. The bounds keep every sum of them inside a PostgreSQL bigint."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AwareDatetime, Field

MAX_ID: Final = 2**63 - 1
MAX_TOKENS: Final = 10**9
"""No provider serves a billion tokens in one request; a larger figure is a fault of the sender."""
MAX_QUOTA_UNITS: Final = 10**15
MAX_BYTES: Final = 10**12
MAX_MS: Final = 10**10

Id = Annotated[int, Field(ge=1, le=MAX_ID)]
Tokens = Annotated[int, Field(ge=0, le=MAX_TOKENS)]
QuotaUnits = Annotated[int, Field(ge=0, le=MAX_QUOTA_UNITS)]
SignedQuotaUnits = Annotated[int, Field(ge=-MAX_QUOTA_UNITS, le=MAX_QUOTA_UNITS)]
Balance = Annotated[int, Field(ge=-MAX_ID, le=MAX_ID)]
ByteCount = Annotated[int, Field(ge=0, le=MAX_BYTES)]
Milliseconds = Annotated[int, Field(ge=0, le=MAX_MS)]
HttpStatus = Annotated[int, Field(ge=100, le=999)]
"""Three digits, as HTTP/1.1 has them; not every upstream keeps to those that are defined."""
Count = Annotated[int, Field(ge=0, le=MAX_ID)]
Ratio = Annotated[Decimal, Field(ge=0, le=1_000_000, max_digits=18, decimal_places=9)]
Time = Annotated[datetime, AwareDatetime]
