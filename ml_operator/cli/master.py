"""The application masters of a job: where they are.

Flink's REST API passes requests on to an operator's coordinator, as serialised objects of Java. There is one
request, so its bytes are here, and no JVM is started for them; a test has Java write the same. Of the answer
the text that `MasterAddress.answer` puts into it is taken.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

from ml_framework.errors import CommandFailed
from ml_operator import announced

if TYPE_CHECKING:
    from ml_framework.rpc.channel import MasterConnection
    from ml_operator.cli.jobs import Job

REQUEST = b"".join(
    [
        b"\xac\xed\x00\x05",  # magic and version of the stream
        b"sr\x00\x29org.mlonflink.flink.MasterAddress$Request",  # an object, its class
        b"\x00\x00\x00\x00\x00\x00\x00\x01",  # serialVersionUID
        b"\x02\x00\x01I\x00\x07attemptxp",  # serialisable, of one field, an int
        b"\x00\x00\x00\x00",  # the first attempt, or a later one
    ]
)
"""``new MasterAddress.Request(0)``."""
_ANSWER = re.compile(rb'\{"master":"[^"]+","token":"[^"]+"\}')
_ANSWER_WITHIN_S = 5.0


def connect(job: Job, cluster: str) -> MasterConnection:
    """The application master of one ML cluster of a job that runs.

    Raises:
        CommandFailed: it is not there: the job is being started, or has just ended.
    """
    from ml_framework.rpc.channel import MasterConnection  # noqa: PLC0415 - a quarter of a second

    found = _ANSWER.search(_asked(job, cluster + announced.MASTER_SUFFIX))
    if found is None:
        raise CommandFailed(
            f"the application master of {cluster!r} is not there: the job {job.id} is being started, or "
            "has just ended; try again"
        )
    place = json.loads(found[0])
    return MasterConnection(place["master"], place["token"], _ANSWER_WITHIN_S)


def _asked(job: Job, uid: str) -> bytes:
    """The coordinator's answer; empty where there is none, or none any more."""
    body = {"serializedCoordinationRequest": base64.b64encode(REQUEST).decode()}
    try:
        answer = job.rest.send(f"jobs/{job.id}/coordinators/{uid}", body)
    except CommandFailed:
        return b""
    return base64.b64decode(answer["serializedCoordinationResult"])
