"""The process that reads files: tasks come in at standard input, messages go out at standard output.

Each message is MessagePack after its length in four bytes. The pipe is the bound on what waits: a reader
that is busy embedding stops the writer.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from typing import IO

import msgspec

from ragnb.ingest.parsing import Task, parse

LENGTH = struct.Struct(">I")
_MOST_MEMORY = 4 << 30  # bytes; a file that takes more is a trap


def main() -> None:
    """Read files until standard input ends."""
    tasks, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the messages
    _be_modest()
    task_decoder, encoder = msgspec.msgpack.Decoder(Task), msgspec.msgpack.Encoder()
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        while (content := read(tasks)) is not None:
            for message in parse(task_decoder.decode(content)):
                write(out, encoder.encode(message))
                out.flush()


def read(stream: IO[bytes]) -> bytes | None:
    """The next message; None at the end of the stream."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    length = LENGTH.unpack(head)[0]
    content = stream.read(length)
    return content if len(content) == length else None


def write(stream: IO[bytes], content: bytes) -> None:
    """Write a message; whoever needs it at once flushes the stream."""
    stream.write(LENGTH.pack(len(content)))
    stream.write(content)


def _be_modest() -> None:
    """Embedding comes first, and one file must not take all memory."""
    if sys.platform == "win32":
        return
    import resource

    os.nice(5)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MOST_MEMORY if hard == resource.RLIM_INFINITY else min(_MOST_MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    main()
