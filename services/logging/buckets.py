"""How wide the buckets are that rows are counted in. Pure."""

from enum import IntEnum


class Grain(IntEnum):
    """The width of a bucket, in seconds. A bucket is named by its first Unix second."""

    SECOND = 1
    MINUTE = 60
    HOUR = 3_600
    DAY = 86_400
