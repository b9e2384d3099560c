from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class NodeId(_message.Message):
    __slots__ = ("role", "index")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    role: str
    index: int
    def __init__(self, role: _Optional[str] = ..., index: _Optional[int] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("execution", "process")
    EXECUTION_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    execution: int
    process: int
    def __init__(self, execution: _Optional[int] = ..., process: _Optional[int] = ...) -> None: ...

class NodeEvent(_message.Message):
    __slots__ = ("node", "token", "registered", "heartbeat", "started", "ended", "log_read")
    NODE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    REGISTERED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    LOG_READ_FIELD_NUMBER: _ClassVar[int]
    node: NodeId
    token: Token
    registered: Registered
    heartbeat: Heartbeat
    started: Started
    ended: Ended
    log_read: LogRead
    def __init__(self, node: _Optional[_Union[NodeId, _Mapping]] = ..., token: _Optional[_Union[Token, _Mapping]] = ..., registered: _Optional[_Union[Registered, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., started: _Optional[_Union[Started, _Mapping]] = ..., ended: _Optional[_Union[Ended, _Mapping]] = ..., log_read: _Optional[_Union[LogRead, _Mapping]] = ...) -> None: ...

class Registered(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: str
    def __init__(self, address: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("numbers", "measured")
    class NumbersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class MeasuredEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    numbers: _containers.ScalarMap[str, float]
    measured: _containers.ScalarMap[str, float]
    def __init__(self, numbers: _Optional[_Mapping[str, float]] = ..., measured: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Started(_message.Message):
    __slots__ = ("pid", "log_dir")
    PID_FIELD_NUMBER: _ClassVar[int]
    LOG_DIR_FIELD_NUMBER: _ClassVar[int]
    pid: int
    log_dir: str
    def __init__(self, pid: _Optional[int] = ..., log_dir: _Optional[str] = ...) -> None: ...

class Ended(_message.Message):
    __slots__ = ("outcome", "failure")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[Ended.Outcome]
        SUCCEEDED: _ClassVar[Ended.Outcome]
        FAILED: _ClassVar[Ended.Outcome]
        STOPPED: _ClassVar[Ended.Outcome]
    OUTCOME_UNSPECIFIED: Ended.Outcome
    SUCCEEDED: Ended.Outcome
    FAILED: Ended.Outcome
    STOPPED: Ended.Outcome
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    outcome: Ended.Outcome
    failure: Failure
    def __init__(self, outcome: _Optional[_Union[Ended.Outcome, str]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("summary", "detail", "time_s", "collateral")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    COLLATERAL_FIELD_NUMBER: _ClassVar[int]
    summary: str
    detail: str
    time_s: float
    collateral: bool
    def __init__(self, summary: _Optional[str] = ..., detail: _Optional[str] = ..., time_s: _Optional[float] = ..., collateral: bool = ...) -> None: ...

class LogRead(_message.Message):
    __slots__ = ("request", "piece")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    request: int
    piece: LogPiece
    def __init__(self, request: _Optional[int] = ..., piece: _Optional[_Union[LogPiece, _Mapping]] = ...) -> None: ...

class LogRequest(_message.Message):
    __slots__ = ("node", "offset", "limit")
    NODE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    node: NodeId
    offset: int
    limit: int
    def __init__(self, node: _Optional[_Union[NodeId, _Mapping]] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class LogPiece(_message.Message):
    __slots__ = ("text", "offset", "size", "path")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    text: bytes
    offset: int
    size: int
    path: str
    def __init__(self, text: _Optional[bytes] = ..., offset: _Optional[int] = ..., size: _Optional[int] = ..., path: _Optional[str] = ...) -> None: ...

class NodeCommand(_message.Message):
    __slots__ = ("start", "stop", "restart", "abort", "finish", "refuse", "read_log")
    START_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    RESTART_FIELD_NUMBER: _ClassVar[int]
    ABORT_FIELD_NUMBER: _ClassVar[int]
    FINISH_FIELD_NUMBER: _ClassVar[int]
    REFUSE_FIELD_NUMBER: _ClassVar[int]
    READ_LOG_FIELD_NUMBER: _ClassVar[int]
    start: Start
    stop: StopNode
    restart: Restart
    abort: Abort
    finish: Finish
    refuse: Refuse
    read_log: ReadLog
    def __init__(self, start: _Optional[_Union[Start, _Mapping]] = ..., stop: _Optional[_Union[StopNode, _Mapping]] = ..., restart: _Optional[_Union[Restart, _Mapping]] = ..., abort: _Optional[_Union[Abort, _Mapping]] = ..., finish: _Optional[_Union[Finish, _Mapping]] = ..., refuse: _Optional[_Union[Refuse, _Mapping]] = ..., read_log: _Optional[_Union[ReadLog, _Mapping]] = ...) -> None: ...

class Start(_message.Message):
    __slots__ = ("addresses",)
    class AddressesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Addresses
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Addresses, _Mapping]] = ...) -> None: ...
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    addresses: _containers.MessageMap[str, Addresses]
    def __init__(self, addresses: _Optional[_Mapping[str, Addresses]] = ...) -> None: ...

class Addresses(_message.Message):
    __slots__ = ("address",)
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    address: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, address: _Optional[_Iterable[str]] = ...) -> None: ...

class StopNode(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Restart(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: Token
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ...) -> None: ...

class Abort(_message.Message):
    __slots__ = ("cause",)
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    cause: str
    def __init__(self, cause: _Optional[str] = ...) -> None: ...

class Finish(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Refuse(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class ReadLog(_message.Message):
    __slots__ = ("request", "offset", "limit")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    request: int
    offset: int
    limit: int
    def __init__(self, request: _Optional[int] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClusterStatus(_message.Message):
    __slots__ = ("job", "state", "first_cause", "restarts", "nodes", "history", "page")
    JOB_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    FIRST_CAUSE_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    job: str
    state: str
    first_cause: str
    restarts: int
    nodes: _containers.RepeatedCompositeFieldContainer[NodeStatus]
    history: _containers.RepeatedScalarFieldContainer[str]
    page: str
    def __init__(self, job: _Optional[str] = ..., state: _Optional[str] = ..., first_cause: _Optional[str] = ..., restarts: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[NodeStatus, _Mapping]]] = ..., history: _Optional[_Iterable[str]] = ..., page: _Optional[str] = ...) -> None: ...

class NodeStatus(_message.Message):
    __slots__ = ("node", "token", "state", "address", "pid", "heartbeat_age_s", "numbers", "log_dir", "measured", "ends")
    class NumbersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class MeasuredEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    NODE_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_AGE_S_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    LOG_DIR_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    ENDS_FIELD_NUMBER: _ClassVar[int]
    node: NodeId
    token: Token
    state: str
    address: str
    pid: int
    heartbeat_age_s: float
    numbers: _containers.ScalarMap[str, float]
    log_dir: str
    measured: _containers.ScalarMap[str, float]
    ends: _containers.RepeatedCompositeFieldContainer[AttemptEnd]
    def __init__(self, node: _Optional[_Union[NodeId, _Mapping]] = ..., token: _Optional[_Union[Token, _Mapping]] = ..., state: _Optional[str] = ..., address: _Optional[str] = ..., pid: _Optional[int] = ..., heartbeat_age_s: _Optional[float] = ..., numbers: _Optional[_Mapping[str, float]] = ..., log_dir: _Optional[str] = ..., measured: _Optional[_Mapping[str, float]] = ..., ends: _Optional[_Iterable[_Union[AttemptEnd, _Mapping]]] = ...) -> None: ...

class AttemptEnd(_message.Message):
    __slots__ = ("token", "outcome", "cause", "time_s")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    CAUSE_FIELD_NUMBER: _ClassVar[int]
    TIME_S_FIELD_NUMBER: _ClassVar[int]
    token: Token
    outcome: str
    cause: str
    time_s: float
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ..., outcome: _Optional[str] = ..., cause: _Optional[str] = ..., time_s: _Optional[float] = ...) -> None: ...
