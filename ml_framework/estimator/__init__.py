"""Fitting a model to a table: what runs in the user's process, for whatever framework.

::

    rows of the table ──> kept in memory, as arrays ──> epochs of steps, shuffled ──> the weights, as rows

* `Arguments` makes what the model is called with of the columns.
* `rows` reads the input of a node to its end.
* `Epochs` says who takes which rows in each step, so that all ranks take as many.
* `Fitting` is the entrypoint of a node; a framework adds its `Trainer`.
* `trained` packs what comes out into rows, and unpacks it.

`ml_operator.estimator` plans it.
"""

from ml_framework.estimator.arguments import Arguments
from ml_framework.estimator.epochs import Epochs, Step
from ml_framework.estimator.factories import Pickled, Scorable
from ml_framework.estimator.fitting import Fitting
from ml_framework.estimator.trained import CHUNK_BYTES, Trained
from ml_framework.estimator.trainer import Trainer, is_value

__all__ = [
    "CHUNK_BYTES",
    "Arguments",
    "Epochs",
    "Fitting",
    "Pickled",
    "Scorable",
    "Step",
    "Trained",
    "Trainer",
    "is_value",
]
