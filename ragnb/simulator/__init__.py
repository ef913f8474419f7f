"""A local server that speaks the providers' wire protocols, with scripted answers and faults."""

from ragnb.simulator.continuation import (
    AddSpace,
    Continuation,
    Exact,
    NoAnchor,
    Preamble,
    Repeat,
    RepeatAll,
    SwallowSpace,
)
from ragnb.simulator.faults import (
    CleanEnd,
    Cut,
    Duplicate,
    ErrorEvent,
    Fault,
    Garbage,
    Html,
    NeverAnswer,
    Reorder,
    Stall,
    Status,
    TooOld,
)
from ragnb.simulator.recording import RecordedRequest
from ragnb.simulator.script import Answer, tokenize
from ragnb.simulator.server import Simulator
from ragnb.simulator.wire import Drip

__all__ = [
    "AddSpace",
    "Answer",
    "CleanEnd",
    "Continuation",
    "Cut",
    "Drip",
    "Duplicate",
    "ErrorEvent",
    "Exact",
    "Fault",
    "Garbage",
    "Html",
    "NeverAnswer",
    "NoAnchor",
    "Preamble",
    "RecordedRequest",
    "Reorder",
    "Repeat",
    "RepeatAll",
    "Simulator",
    "Stall",
    "Status",
    "SwallowSpace",
    "TooOld",
    "tokenize",
]
