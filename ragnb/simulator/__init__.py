"""A local server that speaks the providers' wire protocols, with scripted answers and faults."""

from ragnb.simulator.faults import (
    CleanEnd,
    Cut,
    ErrorEvent,
    Fault,
    Html,
    NeverAnswer,
    Stall,
    Status,
)
from ragnb.simulator.recording import RecordedRequest
from ragnb.simulator.script import Answer, tokenize
from ragnb.simulator.server import Simulator

__all__ = [
    "Answer",
    "CleanEnd",
    "Cut",
    "ErrorEvent",
    "Fault",
    "Html",
    "NeverAnswer",
    "RecordedRequest",
    "Simulator",
    "Stall",
    "Status",
    "tokenize",
]
