"""A model that SQL knows: what ``CREATE MODEL`` says of it becomes the settings of a node that scores.

``python -m ml_framework.sql`` reads one JSON object, a `Request`, on its standard input, and writes one to
its standard output: ``{"settings": {…}}``, which ``NodeSettings.java`` reads, or ``{"error": "…"}``, which
names the model, the option and the remedy. The node is one as `ml_operator.MLJob.add_inference` plans it,
with the same runner, but for its AM: it has none, see `ml_framework.node.alone`.
"""
