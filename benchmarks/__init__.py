"""The benchmarks, each a program.

`data_path.py` and `inference.py` measure rows on their way to Python, and scores of a stream;
`checkpoints.py`, `metrics.py` and `prints.py` what each of these costs. `plots.py` draws the tables of
``docs/performance.md``.
"""
