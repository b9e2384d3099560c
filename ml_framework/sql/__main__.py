"""``python -m ml_framework.sql``: plans a model that SQL knows; see `ml_framework.sql`."""

from __future__ import annotations

import json
import sys

from ml_framework.errors import PlanError
from ml_framework.sql.planning import plan
from ml_framework.sql.request import Request


def main() -> None:
    """Answer the request on standard input; what nobody has thought of is a traceback."""
    request = Request(**json.load(sys.stdin))
    answer: dict[str, object]
    try:
        answer = {"settings": plan(request)}
    except PlanError as error:
        answer = {"error": f"model {request.model}: {error}"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
