"""How often a property is tried on the real tables."""

from os import environ

from hypothesis import HealthCheck, settings


def tries(usual: int) -> settings:
    """So many examples, or as `LEDGERLINE_PROPERTY_EXAMPLES` says."""
    return settings(
        max_examples=int(environ.get("LEDGERLINE_PROPERTY_EXAMPLES", str(usual))),
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
