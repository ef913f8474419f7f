"""What the clients have in common: cases come in as JSON lines, what the user sees goes out as JSON lines.

In:  {"primary": url, "secondary": url, "embeddings": url, "patience": seconds}
Out: {"piece": text, "at": seconds of the monotonic clock}, …, {"end": null or the exception}
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

QUESTION = "How do refunds work?"
Case = dict[str, Any]
Show = Callable[[str], None]


def serve(answer: Callable[[Case, Show], None]) -> None:
    """Answer case after case; what libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)

        def tell(line: Case) -> None:
            out.write(json.dumps(line) + "\n")
            out.flush()

        def show(piece: str) -> None:
            if piece:
                tell({"piece": piece, "at": time.monotonic()})

        for line in sys.stdin:
            raised = None
            try:
                answer(json.loads(line), show)
            except Exception as error:
                raised = f"{type(error).__name__}: {error}".splitlines()[0]
            tell({"end": raised})
