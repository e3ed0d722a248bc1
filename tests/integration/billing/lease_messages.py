"""A relay's messages, told to billing as one transaction each."""

from functools import partial
from typing import Final

import asyncpg

from services.billing.audit import Admin
from services.billing.leases.leasing import answer_message
from services.billing.ledger.top_ups import TopUp, top_up
from shared.events.directory import Role
from shared.events.event import new_event_id
from shared.leases.protocol import LeaseAnswer, LeaseAsk, LeaseAsks
from shared.postgres.retrying import in_transaction

_ADMIN: Final = Admin(user_id=1, name="root", role=Role.ROOT, workspace_id=1)


def ask(
    lease: str,
    seq: int,
    *,
    workspace: int = 1,
    key: int | None = None,
    budget: int | None = None,
    used: int = 0,
    need: int = 0,
    want: int | None = None,
    close: bool = False,
) -> LeaseAsk:
    return LeaseAsk(
        lease_id=lease,
        subject=_subject(workspace, key, budget),
        seq=seq,
        used_total=used,
        need_total=max(used, need),
        want_total=max(used, need) if want is None else want,
        close=close,
    )


async def tell(pool: asyncpg.Pool, *asks: LeaseAsk, relay: str = "r1") -> list[LeaseAnswer]:
    """One message's answers."""
    message = LeaseAsks(relay_id=relay, leases=asks)
    answers = await in_transaction(pool, partial(answer_message, message=message), idempotent=True)
    return list(answers.leases)


async def fund(pool: asyncpg.Pool, units: int, *, workspace: int = 1) -> None:
    """Put money into an account."""
    wanted = TopUp(
        workspace_id=workspace,
        owner_user_id=workspace,
        quota_units=units,
        idempotency_key=new_event_id(),
    )
    await in_transaction(pool, partial(top_up, wanted=wanted, admin=_ADMIN))


def _subject(workspace: int, key: int | None, budget: int | None) -> str:
    if budget is not None:
        return f"budget:{budget}"
    return f"account:{workspace}" if key is None else f"key:{key}"
