"""TensorFlow on ml-on-flink.

Parameter servers and workers of TensorFlow will be planned from here, on the same spine as
`torch_integration`: a cluster config, a runner, a dataset and helpers. Nothing is exported yet.
"""
