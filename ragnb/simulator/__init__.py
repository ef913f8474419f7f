"""A local server that speaks the providers' wire protocols, with scripted answers and faults."""

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
)
from ragnb.simulator.recording import RecordedRequest
from ragnb.simulator.script import Answer, tokenize
from ragnb.simulator.server import Simulator
from ragnb.simulator.wire import Drip

__all__ = [
    "Answer",
    "CleanEnd",
    "Cut",
    "Drip",
    "Duplicate",
    "ErrorEvent",
    "Fault",
    "Garbage",
    "Html",
    "NeverAnswer",
    "RecordedRequest",
    "Reorder",
    "Simulator",
    "Stall",
    "Status",
    "tokenize",
]
