"""Models in ONNX, by ONNX Runtime: they score a stream without the framework that they were trained with.

Importing this package imports neither ONNX Runtime nor PyFlink.
"""

from onnx_integration.inference import InferenceRunner, inference

__all__ = ["InferenceRunner", "inference"]
