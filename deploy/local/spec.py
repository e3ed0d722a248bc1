"""What a stack consists of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.ports import Ports


@dataclass(frozen=True, kw_only=True)
class StackSpec:
    """How many of each, where, and with which settings.

    `ports` None means free ones. `settings` are extra environment variables, by kind of service
    ("relay", "billing", …) under their full names; those under "all" give way to the stack's own.
    """

    state_dir: Path
    ports: Ports | None = None
    relays: int = 1
    relay_workers: int = 1
    """Processes of each relay."""
    billings: int = 1
    loggings: int = 1
    controls: int = 1
    shares_limits: bool | None = None
    """Whether relays count limits in a Valkey; null: where several processes serve."""
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def has_valkey(self) -> bool:
        """Whether the stack starts a Valkey."""
        if self.shares_limits is None:
            return self.relays * self.relay_workers > 1
        return self.shares_limits

    def instances(self) -> tuple[tuple[str, int], ...]:
        """Every service process, as its kind and its number."""
        counts = {
            "control": self.controls,
            "billing": self.billings,
            "logging": self.loggings,
            "relay": self.relays,
        }
        return tuple((kind, index) for kind, count in counts.items() for index in range(count))
