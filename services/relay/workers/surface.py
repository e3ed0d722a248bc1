"""What the supervisor says on the internal port, of all workers together."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

from services.relay.workers.merging import lasting, merged
from services.relay.workers.report import Report, families_of
from services.relay.workers.slot import Slot
from shared.http.internal_server import Readiness


class WorkersCollector(Collector):
    """The metrics of the supervisor, its living workers, and those that have ended, as one."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._own = own
        self._ended: list[Metric] = []
        self.slots: Sequence[Slot] = ()
        """Whose workers are counted; set once there are some."""

    def bury(self, last: Report) -> None:
        """A worker has ended. Its counts stay, so that no sum goes back; its gauges go."""
        self._ended = merged([self._ended, lasting(families_of(last.figures))])

    def collect(self) -> Iterable[Metric]:
        """Each family once."""
        living = [slot.report for slot in self.slots]
        return merged(
            [
                self._ended,
                *(families_of(report.figures) for report in living if report is not None),
                list(self._own.collect()),
            ]
        )


class WorkersReadiness(Readiness):
    """Ready while anybody serves: the kernel deals connections only to workers that listen.

    At the start all have to be ready, or have failed once: the first one would get everything.
    """

    def __init__(self, slots: Sequence[Slot]) -> None:
        super().__init__()
        self._slots = slots

    def waits_for(self) -> dict[str, str]:
        """Worker to what it waits for; empty when the relay is ready."""
        is_started = all(slot.was_ready or slot.tries for slot in self._slots)
        if is_started and any(slot.is_ready for slot in self._slots):
            return {}
        return self._missing()

    def notes(self) -> dict[str, str]:
        """What workers note; and which of them are missing, when others serve."""
        reports = [slot.report for slot in self._slots]
        told = {name: note for report in reports if report for name, note in report.notes.items()}
        return told if self.waits_for() else told | self._missing()

    def _missing(self) -> dict[str, str]:
        return {
            f"worker-{slot.number}": _waits_for(slot.report)
            for slot in self._slots
            if not slot.is_ready
        }


def _waits_for(report: Report | None) -> str:
    if report is None:
        return "being started"
    return "; ".join(report.waits_for.values()) or "ended"
