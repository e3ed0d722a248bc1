"""The whole system on one machine: PostgreSQL, Kafka, Valkey, the services and the provider."""

import signal
from types import TracebackType
from typing import Final, Self

from deploy.local.credentials import load_or_create
from deploy.local.environment import WITH_TABLES, api_url, environment_of, internal_url
from deploy.local.kafka_broker import KafkaBroker
from deploy.local.ports import HOST, Ports
from deploy.local.postgres_server import DATABASE, SUPERUSER, PostgresServer
from deploy.local.processes import ManagedProcess
from deploy.local.programs import Programs, is_written, together
from deploy.local.progress import Progress, Report, silent
from deploy.local.spec import StackSpec
from deploy.local.state_folder import StateFolder
from deploy.local.valkey_server import ValkeyServer
from deploy.postgres.roles import create_roles

_READY_DEADLINE_S: Final = 60.0
_ENDING: Final = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}


class Stack:
    """Starts, finds and stops all processes of one stack; an async context manager too.

    It holds the state folder from its making to `stop`, and raises StateFolderInUseError when
    another stack has it.
    """

    def __init__(self, spec: StackSpec, report: Report = silent) -> None:
        self.spec = spec
        self.progress = Progress(report)
        self._folder = StateFolder(spec.state_dir)
        self._folder.acquire()
        self.state_dir = self._folder.path
        self.ports = spec.ports if spec.ports is not None else Ports()
        self.secrets = load_or_create(self.state_dir / "secrets.json")
        output = self.state_dir / "output"
        self._postgres = PostgresServer(
            folder=self.state_dir / "postgres",
            output_folder=output,
            ports=self.ports,
            password=self.secrets.postgres_passwords[SUPERUSER],
        )
        self._kafka = KafkaBroker(
            folder=self.state_dir / "kafka", output_folder=output, ports=self.ports
        )
        self._valkey = ValkeyServer(
            folder=self.state_dir / "valkey",
            output_folder=output,
            ports=self.ports,
            password=self.secrets.valkey_password,
        )
        self._environment = environment_of(
            spec, state_dir=self.state_dir, ports=self.ports, secrets=self.secrets
        )
        self._infrastructure = {"postgres": self._postgres.process, "kafka": self._kafka.process}
        if spec.has_valkey:
            self._infrastructure["valkey"] = self._valkey.process
        self.programs = Programs(spec=spec, environment=self._environment)
        self._programs = {process.name: process for process in self.programs.declare()}

    # -- What is where -------------------------------------------------------------------------

    @property
    def kafka_bootstrap(self) -> str:
        """Kafka's address for clients."""
        return self._kafka.bootstrap

    @property
    def valkey_url(self) -> str:
        """Valkey's address for clients, with its password."""
        return self._valkey.url

    @property
    def valkey_address(self) -> str:
        """Valkey's host and port; for a person."""
        return f"{HOST}:{self.ports['valkey']}"

    @property
    def postgres_address(self) -> str:
        """PostgreSQL's host, port and database; for a person."""
        return f"{HOST}:{self.ports['postgres']}/{DATABASE}"

    @property
    def simulator_url(self) -> str:
        """The simulated provider, without `/v1`."""
        return f"http://{HOST}:{self.ports['simulator']}"

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """Address of a database for a role of `deploy.postgres.roles`, or `superuser`."""
        name = SUPERUSER if role == "superuser" else role
        return self._postgres.dsn(name, self.secrets.postgres_passwords[name], database)

    def relay_url(self, instance: int = 0) -> str:
        """The public door of one relay."""
        return api_url(self.ports, "relay", instance)

    def api_url(self, service: str, instance: int = 0) -> str:
        """A service's own /api, without the relay in front."""
        return api_url(self.ports, service, instance)

    def internal_url(self, service: str, instance: int = 0) -> str:
        """A service's /internal, /metrics and /health."""
        return internal_url(self.ports, service, instance)

    # -- Single processes ----------------------------------------------------------------------

    def process(self, name: str) -> ManagedProcess:
        """A process by its name: `postgres`, `kafka`, `simulator`, `billing-0` and so on."""
        return (self._infrastructure | self._programs)[name]

    def processes(self) -> tuple[ManagedProcess, ...]:
        """All processes that this stack starts."""
        return (*self._infrastructure.values(), *self._programs.values())

    async def start_process(self, name: str) -> None:
        """Start one process, again after its death; does not wait until it is ready."""
        if name == "postgres":
            await self._postgres.clear_leftovers()
        if name == "valkey":
            await self._valkey.start()
        else:
            await self.process(name).start()

    async def kill(self, name: str, sig: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal; after SIGKILL, wait until the process is gone.

        Supervision takes the end as asked for; for a death, kill the process itself.
        """
        process = self.process(name)
        process.stopping = process.stopping or sig in _ENDING
        process.kill(sig)
        if sig == signal.SIGKILL:
            await process.wait()
            if name == "postgres":
                await self._postgres.clear_leftovers()

    async def wait_ready(self, name: str, deadline_s: float = _READY_DEADLINE_S) -> None:
        """Wait until a process is ready; raises ProcessFailedError when it is not in time."""
        await self.process(name).wait_ready(deadline_s)

    # -- All of it -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything in order; when anything fails, what was started is stopped again."""
        await self.start_infrastructure()
        try:
            with self.progress.step("migrations"):
                await self._migrate()
            with self.progress.step(f"ready: {', '.join(self._programs)}"):
                await together(process.start() for process in self._programs.values())
                await together(self.wait_ready(name) for name in self._programs)
        except BaseException:
            await self.stop()
            raise

    async def start_infrastructure(self) -> None:
        """Start only PostgreSQL (with roles), Kafka (with topics) and Valkey, if it is wanted."""
        try:
            self._folder.acquire()
            await self.ports.require_free()
            servers = [self._start_postgres(), self._start_kafka()]
            if self.spec.has_valkey:
                servers.append(self._start_valkey())
            await together(servers)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything in reverse order and leave no process; may be repeated."""
        try:
            services = [p for p in self._programs.values() if not p.name.startswith("relay")]
            relays = [p for p in self._programs.values() if p.name.startswith("relay")]
            for group in (relays, services, list(self._infrastructure.values())):
                await together(process.stop() for process in group)
        finally:
            self._folder.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    # -- Steps ---------------------------------------------------------------------------------

    async def _start_postgres(self) -> None:
        with self.progress.step("PostgreSQL"):
            await self._postgres.prepare()
            await self._postgres.process.start()
            await self._postgres.process.wait_ready()
            await self._postgres.ensure_database()
        with self.progress.step("roles"):
            await create_roles(self.dsn("superuser"), self.secrets.postgres_passwords)

    async def _start_kafka(self) -> None:
        with self.progress.step("Kafka"):
            await self._kafka.prepare()
            await self._kafka.process.start()
            await self._kafka.process.wait_ready()
        if is_written("shared/kafka/topics.py"):
            with self.progress.step("topics"):
                await self.programs.run(
                    "topics", "shared.kafka.topics", environment=self._environment.kafka_only()
                )

    async def _start_valkey(self) -> None:
        with self.progress.step("Valkey"):
            await self._valkey.start()
            await self._valkey.process.wait_ready()

    async def _migrate(self) -> None:
        await together(
            self.programs.run(
                f"{service}-migrate",
                f"services.{service}",
                "migrate",
                environment=self._environment.of(service, 0),
            )
            for service in WITH_TABLES
            if is_written(f"services/{service}/__main__.py")
        )

    def service_environment(self, service: str, instance: int = 0) -> dict[str, str]:
        """The environment of one service process, for its command-line commands."""
        return self._environment.of(service, instance)
