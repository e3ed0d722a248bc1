"""What the Log API says when it cannot answer: the texts that existing tools know."""

from typing import Final

LIST_FAILED: Final = "获取日志失败"
"""The rows could not be read."""
NO_SUCH_KEY: Final = "Token不存在或无权限"
"""The key is unknown, disabled, or there was none."""
