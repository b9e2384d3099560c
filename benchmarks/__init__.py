"""The benchmark of the data path: `python benchmarks/data_path.py`."""
