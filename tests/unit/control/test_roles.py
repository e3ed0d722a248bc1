import itertools

import pytest

from services.control.people.roles import may_change, may_make
from shared.events.directory import Role


@pytest.mark.parametrize(("actor", "other"), list(itertools.product(Role, Role)))
def test_an_admin_acts_only_on_those_below(actor: Role, other: Role) -> None:
    below = {
        (Role.ADMIN, Role.USER),
        (Role.ROOT, Role.USER),
        (Role.ROOT, Role.ADMIN),
    }
    assert may_make(actor, other) is ((actor, other) in below)
    # There is one root only: no other changes it, and it changes itself.
    assert may_change(actor, other) is ((actor, other) in {*below, (Role.ROOT, Role.ROOT)})
