"""What the Log API says when it cannot answer: the texts that existing tools know."""

from typing import Final

LIST_FAILED: Final = "获取日志失败"
"""The rows could not be read."""
STATS_FAILED: Final = "获取统计信息失败"
"""The sums could not be read."""
SEARCH_FAILED: Final = "搜索日志失败"
"""The rows with a keyword could not be read."""
USAGE_FAILED: Final = "the figures of use could not be read; ask again, or for less time"
"""A query of `/api/usage` took too long, or the database is away."""
CLEAN_UP_FAILED: Final = "deleting could not be begun or followed; /api/log/clean-ups tells of it"
"""What was begun is gone on with by itself."""
CLEAN_UP_GOES_ON: Final = (
    "the rows are out of sight and deleting them goes on: /api/log/clean-ups/{} tells how far it is"
)
"""It takes longer than a call may."""
CLEAN_UPS_FAILED: Final = "the clean-ups could not be read"
"""The notes of what was deleted."""
NO_SUCH_CLEAN_UP: Final = "there is no such clean-up"
"""No note has the id."""
NO_SUCH_KEY: Final = "Token不存在或无权限"
"""The key is unknown, disabled, or there was none."""
TARGET_REQUIRED: Final = "target timestamp is required"
"""A clean-up has to say up to when."""
NO_SUCH_REQUEST: Final = "there is no such request"
"""Neither we nor an upstream gave the id to a request whose row is there."""
