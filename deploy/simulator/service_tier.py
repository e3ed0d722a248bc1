"""In which tier of service an answer of OpenAI's dialect is served, and says so."""

from typing import Any, Final

from deploy.simulator.misbehaviour import Behaviour

_ORDINARY: Final = "default"
_LEFT_OPEN: Final = (None, "auto")


def served_tier(asked: Any, behaviour: Behaviour) -> str:
    """The one that was asked for, unless another one is simulated."""
    if behaviour.service_tier is not None:
        return behaviour.service_tier
    return _ORDINARY if asked in _LEFT_OPEN else str(asked)
