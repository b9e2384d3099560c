"""How a node is named, and what names one."""

from __future__ import annotations

import pytest

from ml_framework.spec import NodeId


@pytest.mark.parametrize("text", ["my-role_2/17", "my-role_2[17]"])
def test_what_names_a_node(text: str) -> None:
    node = NodeId.parse(text)
    assert node == NodeId("my-role_2", 17)
    assert text in {node.path, str(node)}


@pytest.mark.parametrize(
    "text",
    ["", "worker", "worker/x", "worker/-1", "worker/", "/0", "worker[0", "Worker/0", "worker/٣", "a/b/0"],
)
def test_what_names_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no node: write role/index, such as worker/0"):
        NodeId.parse(text)
