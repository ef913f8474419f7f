"""From ``import ragnb`` to the first token of the quickstart, in a fresh process, and where that time goes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = """
import time
begin = time.perf_counter()
def told(what):
    print(f"{{what:44}} {{time.perf_counter() - begin:6.2f}} s")
import ragnb
told("import ragnb")
rag = ragnb.RAGPipeline(llm="extractive", home={home!r})
told("RAGPipeline() is there; the model warms up")
rag.embeddings.warm_up()
told("the embedding model is loaded")
report = rag.ingest({data!r})
told(f"ingested ({{report.chunks}} chunks embedded or known)")
for event in rag.events("How do refunds work?"):
    name = type(event).__name__
    if name in ("Retrieved", "Token"):
        told({{"Retrieved": "sources", "Token": "first token"}}[name])
    if name == "Token":
        break
"""


def main() -> None:
    data = str(ROOT / "data" / "handbook")
    shutil.rmtree(ROOT / "build" / "bench" / "cold", ignore_errors=True)
    for title, home in (
        ("Nothing kept (home=None)", None),
        ("Index kept, first time", str(ROOT / "build" / "bench" / "cold")),
        ("Index kept, second time", str(ROOT / "build" / "bench" / "cold")),
    ):
        print(title)
        print(subprocess.check_output([sys.executable, "-c", CODE.format(home=home, data=data)], text=True))


if __name__ == "__main__":
    main()
