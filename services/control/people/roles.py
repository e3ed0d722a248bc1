"""Who may act on whom. Pure."""

from shared.events.directory import Role


def may_make(actor: Role, new: Role) -> bool:
    """Whether `actor` may give somebody the role `new`: only one below the own.

    So root alone makes admins, and nobody makes a root.
    """
    return actor >= Role.ADMIN and new < actor


def may_change(actor: Role, target: Role) -> bool:
    """Whether `actor` may change a user who has the role `target`.

    Nobody changes an equal, but for root, who is the only one and so the same.
    """
    return actor is Role.ROOT or (actor >= Role.ADMIN and target < actor)
