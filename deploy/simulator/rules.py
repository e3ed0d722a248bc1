import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

ANY_MODEL: Final = "*"
_REMEMBERED_PROMPTS: Final = 10_000


class Rule(BaseModel):
    """The body of `PUT /control/behaviour`: a behaviour for all requests of a model (and key)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str = ANY_MODEL
    key_sha256: str | None = None
    behaviour: dict[str, Any]
    times: Annotated[int, Field(ge=1)] | None = None  # None: until it is deleted


@dataclass(slots=True)
class _Standing:
    rule: Rule
    applied: int = 0

    def fits(self, model: str, key_sha256: str) -> bool:
        return (
            self.rule.model in (ANY_MODEL, model)
            and self.rule.key_sha256 in (None, key_sha256)
            and (self.rule.times is None or self.applied < self.rule.times)
        )

    def apply(self) -> dict[str, Any]:
        self.applied += 1
        asked = dict(self.rule.behaviour)
        # Counted over the rule's requests here, so that it does not depend on their prompts.
        times = asked.pop("status_times", None)
        if times is not None and self.applied > times:
            asked.pop("status", None)
            asked.pop("echo_prompt_in_error", None)
        return asked


class RuleBook:
    """The process-wide rules, and how often each prompt that asks for it was refused."""

    def __init__(self) -> None:
        self._standing: dict[tuple[str, str | None], _Standing] = {}
        self._refusals: OrderedDict[bytes, int] = OrderedDict()

    def put(self, rule: Rule) -> None:
        """Replace the rule of the same model and key, and start its counts again."""
        self._standing[rule.model, rule.key_sha256] = _Standing(rule)

    def clear(self) -> None:
        """Forget all rules and refusals. May be repeated."""
        self._standing.clear()
        self._refusals.clear()

    def listing(self) -> list[dict[str, Any]]:
        """Each rule with the number of requests it was applied to."""
        return [
            {**standing.rule.model_dump(), "applied": standing.applied}
            for standing in self._standing.values()
        ]

    def asked(self, model: str, key_sha256: str) -> dict[str, Any]:
        """What the rules ask of this request, the specific ones last; counts it as applied."""
        if not self._standing:
            return {}
        fitting = [s for s in self._standing.values() if s.fits(model, key_sha256)]
        fitting.sort(key=lambda s: (s.rule.model != ANY_MODEL, s.rule.key_sha256 is not None))
        merged: dict[str, Any] = {}
        for standing in fitting:
            merged |= standing.apply()
        return merged

    def refuse_again(self, prompt: str, status_times: int) -> bool:
        """Whether a prompt that asks to be refused `status_times` times is refused now.

        Requests with the same last user message are counted together: they are a gateway's tries.
        """
        key = hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).digest()
        refused = self._refusals.pop(key, 0)
        again = refused < status_times
        self._refusals[key] = refused + again
        if len(self._refusals) > _REMEMBERED_PROMPTS:
            self._refusals.popitem(last=False)
        return again
