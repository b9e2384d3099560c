"""Directories of nodes: an agent removes those that nobody is left to remove, and no other."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from ml_framework.claimed import ABANDONED_AFTER_S
from ml_framework.node.directory import PREFIX, NodeDirectory
from ml_framework.testing.local_node import SHARED_MEMORY

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def directory(tmp_path: Path) -> NodeDirectory:
    """A claimed directory."""
    return NodeDirectory(aged(tmp_path / f"{PREFIX}own", ABANDONED_AFTER_S + 60))


def aged(path: Path, age_s: float) -> Path:
    """A directory with a file in it, where nothing has happened for so long."""
    path.mkdir()
    (path / "in").write_bytes(b"rows")
    then = time.time() - age_s
    os.utime(path, (then, then))
    return path


def test_what_nobody_claims_any_more_is_removed(directory, tmp_path):
    """Its JVM and its agent were killed together; the next agent clears up."""
    left = aged(tmp_path / f"{PREFIX}left", ABANDONED_AFTER_S + 60)
    assert directory.remove_abandoned() == [left]
    assert [path.name for path in tmp_path.iterdir()] == [f"{PREFIX}own"]
    directory.remove()
    assert list(tmp_path.iterdir()) == []


def test_what_is_claimed_is_kept(directory, tmp_path):
    """An agent lives as long as it likes; when it has been killed its claim is gone."""
    other = NodeDirectory(aged(tmp_path / f"{PREFIX}other", ABANDONED_AFTER_S + 60))
    assert directory.remove_abandoned() == []
    other.remove()
    directory.remove()


def test_what_is_young_or_somebody_elses_is_kept(directory, tmp_path):
    """The agent of a young directory may be about to start; other names are other people's."""
    aged(tmp_path / f"{PREFIX}young", ABANDONED_AFTER_S - 60)
    aged(tmp_path / "mlflink-logs-old", ABANDONED_AFTER_S + 60)
    aged(tmp_path / "other", ABANDONED_AFTER_S + 60)
    assert directory.remove_abandoned() == []
    assert len(list(tmp_path.iterdir())) == 4
    directory.remove()


def test_an_agent_clears_up_before_it_starts_its_node(stage):
    """The directory of a node that was killed with its parent goes when the next one starts beside it."""
    left = aged(SHARED_MEMORY / f"{PREFIX}test-{os.getpid()}", ABANDONED_AFTER_S + 60)
    node = stage.node("happy")
    assert node.directory.parent == SHARED_MEMORY
    stage.start(node)
    assert not left.exists()
