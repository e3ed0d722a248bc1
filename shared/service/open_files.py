"""How many connections a process may have: as many as the system lets it."""

import resource


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one, and answer it. May be repeated."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
