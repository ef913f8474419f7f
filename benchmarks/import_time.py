"""How long ``import ragnb`` takes in a fresh interpreter, beside the import of the openai SDK."""

from __future__ import annotations

import statistics
import subprocess
import sys

CODE = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
RUNS = 7


def seconds(module: str) -> float:
    """The median over some fresh interpreters."""
    runs = [
        float(
            subprocess.run(
                [sys.executable, "-c", CODE.format(module)], capture_output=True, check=True
            ).stdout
        )
        for _ in range(RUNS)
    ]
    return statistics.median(runs)


def main() -> None:
    ours = seconds("ragnb")
    pipeline = seconds("ragnb.pipeline")
    openai = seconds("openai")
    print(f"import ragnb           {ours * 1000:7.1f} ms (limit 300)")
    print(f"import ragnb.pipeline  {pipeline * 1000:7.1f} ms (what RAGPipeline needs)")
    print(f"import openai          {openai * 1000:7.1f} ms")


if __name__ == "__main__":
    main()
