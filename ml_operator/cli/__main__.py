"""``python -m ml_operator.cli``: the same as ``mlflink``."""

from ml_operator.cli.app import main

main()
