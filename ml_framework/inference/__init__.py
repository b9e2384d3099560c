"""Scoring a stream: a model answers every row, and a new version takes over between two batches.

::

    models/7/model.pt2       a folder of versions: numbers, each appears whole
    models/8/model.pt2       the largest that can be loaded serves, or the one that is announced
             SHA256SUMS

* `publish` makes a model the next version.
* `Models` holds the version that serves, loads a newer one beside it, tries it, and hands it over.
* `place` is where a model lies: a path, or a URL.
* `Padding` makes tensors of arrays of different lengths.
* `Scorer` has a model answer a batch, and finds the rows that it cannot take.
* `Serving` is the entrypoint of a node: the loop, in the user's process.
* `runner` plans it, for a framework, which adds how a model is loaded (`Load`).
"""

from ml_framework.inference.answers import Answer, Model, Refused, Scorer
from ml_framework.inference.models import Load, Models
from ml_framework.inference.padding import Padding
from ml_framework.inference.places import place
from ml_framework.inference.serving import Serving
from ml_framework.inference.versions import publish

__all__ = [
    "Answer",
    "Load",
    "Model",
    "Models",
    "Padding",
    "Refused",
    "Scorer",
    "Serving",
    "place",
    "publish",
]
