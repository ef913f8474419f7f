"""From ``import ragnb`` to the first token of the quickstart, in a fresh process, and where that time goes."""

from __future__ import annotations

import os
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
    home, cache = ROOT / "build" / "bench" / "cold", ROOT / "build" / "bench" / "cold-cache"
    for folder in (home, cache):  # the exports of the embedding model are in the cache
        shutil.rmtree(folder, ignore_errors=True)
    env = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    for title, place in (
        ("Nothing kept (home=None)", None),
        ("Index kept, first time", str(home)),
        ("Index kept, second time", str(home)),
    ):
        print(title)
        code = CODE.format(home=place, data=data)
        print(subprocess.check_output([sys.executable, "-c", code], text=True, env=env))


if __name__ == "__main__":
    main()
