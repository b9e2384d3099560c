"""Queues, doorbells, and processes that speak either language."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml_framework.byte_queue import Consumer, Doorbell, MappedQueue, Producer, create

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("driver.py")


@dataclass
class Pair:
    """Both ends of one queue in this process."""

    path: Path
    producer: Producer
    consumer: Consumer
    producer_bell: Doorbell
    consumer_bell: Doorbell

    def new_consumer(self) -> Consumer:
        """Another consumer on the same queue, as after a restart."""
        return Consumer(MappedQueue.open(self.path), self.consumer_bell)

    def new_producer(self) -> Producer:
        """Another producer on the same queue, as after a restart."""
        return Producer(MappedQueue.open(self.path), self.producer_bell)


@pytest.fixture
def make_pair(tmp_path: Path) -> Iterator[Callable[..., Pair]]:
    bells: list[Doorbell] = []

    def make(capacity: int = 4096) -> Pair:
        path = tmp_path / f"queue-{len(bells)}"
        create(path, capacity)
        first, second = (Doorbell(sock) for sock in socket.socketpair())
        bells.extend((first, second))
        producer = Producer(MappedQueue.open(path), first)
        return Pair(path, producer, Consumer(MappedQueue.open(path), second), first, second)

    yield make
    for bell in bells:
        bell.close()


@pytest.fixture
def pair(make_pair: Callable[..., Pair]) -> Pair:
    return make_pair()


@pytest.fixture(scope="session")
def driver() -> ModuleType:
    """The functions of `driver.py`."""
    spec = importlib.util.spec_from_file_location("byte_queue_driver", DRIVER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def java_classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The queue's Java sources, compiled alone: they need no more than a JDK."""
    javac = shutil.which("javac")
    assert javac is not None, "these tests need a JDK 17 or later on the PATH"
    classes = tmp_path_factory.mktemp("classes")
    folders = [ROOT / "java/src" / kind / "java/org/mlonflink/queue" for kind in ("main", "test")]
    sources = sorted(str(source) for folder in folders for source in folder.glob("*.java"))
    subprocess.run([javac, "--release", "17", "-Xlint:all", "-Werror", "-d", classes, *sources], check=True)
    return classes


@pytest.fixture
def start(java_classes: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a command of the driver in a language; nothing that it started outlives the test."""
    started: list[subprocess.Popen[str]] = []
    java = ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp", str(java_classes)]
    commands = {"python": [sys.executable, str(DRIVER)], "java": [*java, "org.mlonflink.queue.Tool"]}

    def run(language: str, *args: object) -> subprocess.Popen[str]:
        argv = [*commands[language], *map(str, args)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()
