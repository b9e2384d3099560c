"""What `benchmarks/inference.py` measures: models of flights, and ways to have a stream go through them."""
