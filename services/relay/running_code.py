"""Says how the code of this process runs: compiled or interpreted, and why."""

from services.relay.metrics import CodeMetrics
from shared.compiled.using import COMMAND, Running
from shared.telemetry.logs import get_logger

_logger = get_logger()


def tell_code(code: Running, metrics: CodeMetrics) -> None:
    """Once, at the start."""
    metrics.compiled.set(code.is_compiled)
    if code.is_compiled:
        _logger.info("relay.compiled", reason=code.reason)
    else:
        _logger.info("relay.interpreted", reason=code.reason, faster_by=COMMAND)
