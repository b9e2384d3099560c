"""What user code may be written with."""

from __future__ import annotations

from enum import StrEnum


class Framework(StrEnum):
    """By the name of the extra that installs it."""

    TORCH = "torch"
    TENSORFLOW = "tensorflow"
    ONNX = "onnx"
    NONE = "none"
