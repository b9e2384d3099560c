"""Estimators: models that are fitted to tables, and transform tables.

* `Estimator` plans a job of its own that trains, and hands back what came out of it.
* `Model` transforms tables, and is kept in a folder.
* `borrowed` lends the environment of a table to one more job.

What runs in the user's processes is `ml_framework.estimator`, and what a framework adds.
"""

from ml_operator.estimator.checks import check_callables
from ml_operator.estimator.estimator import Estimator
from ml_operator.estimator.folder import Form
from ml_operator.estimator.model import Model

__all__ = ["Estimator", "Form", "Model", "check_callables"]
