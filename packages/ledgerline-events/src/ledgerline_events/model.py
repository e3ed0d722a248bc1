"""The base of every event's model."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """What is not known is ignored: fields are added within a version, never taken away."""

    model_config = ConfigDict(extra="ignore", frozen=True)
