"""The benchmarks, each a program: `data_path.py`, `inference.py` and `checkpoints.py`."""
