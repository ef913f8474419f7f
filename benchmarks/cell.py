"""The answer cell: bytes on the wire, what the widget costs the engine, drawing in Chromium, saved notebooks.

Wire: what the kernel publishes while one answer of 2,000 tokens of 6 characters streams, at 500 and at 100 tokens a
second, with and without the headers that Jupyter puts around each message; beside it a display that is updated with
the whole text at each token.
Engine: CPU of the kernel's process a token, alternately without and with the widget. Drawing: the built front
end in Chromium takes in an answer of 16 KB at 500 tokens a second. Saved: 20 answers of 2 KB, run live. Stop: in a
real JupyterLab.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
TOKENS = 2_000
SERVER = f"""
from ragnb.simulator import Simulator
import sys
tokens = ["wor%02d " % (n % 100) for n in range({TOKENS})]
two_kb = ["Refunds are paid within five days [1]. "] + ["The night train rolls on through the valley. "] * 44
with (
    Simulator(tokens, tokens_per_second=500) as paced,
    Simulator(tokens, tokens_per_second=100) as slow,
    Simulator(tokens) as fast,
    Simulator(two_kb) as short,
):
    print(paced.url, slow.url, fast.url, short.url, flush=True)
    sys.stdin.read()
"""
PIPELINES = """
import json, time
from IPython.display import Markdown, display
from ragnb import RAGPipeline
from ragnb.embeddings.openai import OpenAIEmbeddings
from ragnb.llms.openai import OpenAILLM
from ragnb.widget.answer import AnswerWidget

def pipeline(url):
    llm = OpenAILLM("gpt-4o-mini", base_url=url, api_key="test", max_tokens=4096)
    return RAGPipeline(llm, OpenAIEmbeddings(base_url=url, api_key="test"), "memory", home=None)

paced, slow, fast, short = (pipeline(url) for url in {urls!r}.split())
paced.add(PASSAGES := [f"Passage {{n}}. " + "Refunds are paid within five days of the request. " * 12 for n in range(5)])
slow.add(PASSAGES)
fast.add(PASSAGES)
short.add(PASSAGES);
"""
NAIVE = """
handle, text = display(Markdown(""), display_id=True), ""
for token in paced.stream("What?"):
    text += token
    handle.update(Markdown(text))
"""
COST = """
def cpu(url, widget):
    begin = time.process_time()
    answer = url.start("What?")
    cell = AnswerWidget(answer) if widget else None
    answer.wait()
    if cell is not None:
        cell.close()
    return (time.process_time() - begin) / answer.timing.tokens * 1e6

rounds = [(cpu(rag, False), cpu(rag, True)) for _ in range(ROUNDS + 1)][1:]
"""


class Kernel:
    """A kernel as a front end sees it: run a cell, count what comes back."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(env={**os.environ, "RAGNB_DISPLAY": "live"})
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, code: str) -> tuple[dict[str, tuple[int, int]], str]:
        """Bytes by type of message, in all and of the contents, and what the cell printed."""
        sent: dict[str, tuple[int, int]] = {}
        printed = ""
        request = self.client.execute(code)
        session, socket = self.client.session, self.client.iopub_channel.socket
        while True:
            frames = socket.recv_multipart()
            _, rest = session.feed_identities(frames)
            message = session.deserialize([*rest], content=True)
            kind, content = message["msg_type"], message["content"]
            if kind == "error":
                raise RuntimeError("\n".join(content["traceback"]))
            if kind == "stream":
                printed += content["text"]
            whole, contents = sent.get(kind, (0, 0))
            sent[kind] = whole + sum(map(len, rest)), contents + len(rest[4])
            if (
                kind == "status"
                and content["execution_state"] == "idle"
                and message["parent_header"].get("msg_id") == request
            ):
                return sent, printed

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


DRAW = """
async ({source, css, batches}) => {
  const module = await import(URL.createObjectURL(new Blob([source], {type: "text/javascript"})));
  document.head.append(Object.assign(document.createElement("style"), {textContent: css}));
  const listeners = {}, tasks = [];
  const model = {
    get: name => ({events: [], blocking: false, can_ask_again: false})[name],
    set() {}, save_changes() {}, send() {}, off() {},
    on: (name, listener) => (listeners[name] ??= []).push(listener),
  };
  new PerformanceObserver(list => tasks.push(...list.getEntries().map(task => task.duration)))
    .observe({entryTypes: ["longtask"]});
  const controller = new AbortController();
  const widget = await module.default();
  await widget.initialize?.({model, signal: controller.signal});
  await widget.render({model, el: document.body.appendChild(document.createElement("div")), signal: controller.signal});
  for (const batch of batches) {
    await new Promise(done => setTimeout(done, 33));
    (listeners["msg:custom"] ?? []).forEach(listener => listener(batch, []));
  }
  await new Promise(done => requestAnimationFrame(() => setTimeout(done, 200)));
  return {tasks, text: document.querySelector(".ragnb-text").textContent.length};
}
"""


def wire(kernel: Kernel) -> None:
    """Bytes on the wire, ours beside the whole text at each token."""
    for rag, pace in (("paced", 500), ("slow", 100)):
        ours = kernel.run(f"answer = {rag}.ask('What?')")[0]
        whole, contents = ours["comm_msg"]
        print(
            f"wire, {TOKENS:,} tokens at {pace}/s: events {contents / 1e6:.3f} MB, with Jupyter's headers "
            f"{whole / 1e6:.3f} MB (limit 0.2); once an answer: front end {ours['comm_open'][0] / 1e6:.3f} MB, "
            f"final HTML {ours['update_display_data'][0] / 1e6:.3f} MB"
        )
    naive = kernel.run(NAIVE)[0]
    print(f"the whole text at each token: {naive['update_display_data'][0] / 1e6:.1f} MB")


def engine(kernel: Kernel) -> None:
    """CPU a token without and with the widget."""
    for rag, rounds, pace in (("fast", 9, "as fast as it comes"), ("paced", 2, "at 500 tokens/s")):
        code = COST.replace("(rag,", f"({rag},").replace("ROUNDS", str(rounds))
        _, printed = kernel.run(code + "print(json.dumps(rounds))")
        without, beside = (statistics.median(column) for column in zip(*json.loads(printed), strict=True))
        print(
            f"CPU a token {pace}: engine alone {without:.0f} µs, with the widget {beside:.0f} µs, "
            f"ratio {beside / without:.2f} (limit 1.3)"
        )


def saved(urls: str) -> None:
    """A notebook with 20 answers of 2 KB, run live."""
    cells = [PIPELINES.format(urls=urls), *["answer = short.ask('What?')"] * 20]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    os.environ["RAGNB_DISPLAY"] = "live"
    NotebookClient(notebook, kernel_name="python3", timeout=300, store_widget_state=False).execute()
    text = nbformat.writes(notebook)
    views = text.count("application/vnd.jupyter.widget-view")
    print(
        f"a notebook with 20 answers of 2 KB: {len(text.encode()) / 1e3:.0f} KB (limit 400), "
        f"{views} widget views, metadata.widgets: {'widgets' in notebook.metadata}"
    )


def drawing() -> None:
    """An answer of 16 KB in 3,200 tokens, 500 a second, in Chromium."""
    from playwright.sync_api import sync_playwright

    static = ROOT / "ragnb" / "widget" / "static"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto("about:blank")
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable")

        def spent() -> float:
            metrics = devtools.send("Performance.getMetrics")["metrics"]
            return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

        begin = spent()
        drawn = page.evaluate(
            DRAW,
            {
                "source": (static / "answer.js").read_text(),
                "css": (static / "answer.css").read_text(),
                "batches": _batches(),
            },
        )
        busy = spent() - begin
        browser.close()
    longest = max(drawn["tasks"], default=0)
    print(
        f"drawing 16 KB of Markdown ({drawn['text'] / 1e3:.1f} KB seen) as it grows: main thread busy {busy:.2f} s in all (limit 2), "
        f"tasks over 50 ms: {len(drawn['tasks'])} (limit 0; longest {longest:.0f} ms)"
    )


def stopping() -> None:
    """From the click on Stop to the closed connection and to the cell that says so, in JupyterLab."""
    test = "tests/browser/test_cancel.py::test_the_stop_button_ends_an_answer"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"{test}[lab]"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for call, times in json.loads((ROOT / "build/screenshots/cancel-lab.json").read_text()).items():
        print(
            f"Stop, {call}: connection closed after {times['closed']:.0f} ms, "
            f"said in the cell after {times['shown']:.0f} ms (limit 500)"
        )


def _batches() -> list[dict]:
    """The log of a long Markdown answer, in batches of 16 tokens and a half on average (33 ms)."""
    part = (
        "## Refunds\n\nA **Flex** ticket is refunded in full until 24 hours before departure [1]. "
        "A *Saver* ticket is not, see `rules.md` [2].\n\n- first, write to the office\n- then wait\n\n"
        "| ticket | share |\n|---|---|\n| Flex | 100 % |\n| Saver | 0 % |\n\n```python\nrefund(ticket)\n```\n\n"
    )
    text = (part * (16_000 // len(part) + 1))[:16_000]
    tokens = re.findall(r"(?s).{5}", text)
    hit = {"chunk": {"id": "a", "document": "a.md", "text": "A ticket is refunded."}, "score": 0.5}
    events: list[dict] = [
        {"type": "Started", "answer_id": "a", "question": "What?", "k": 2},
        {"type": "Retrieved", "hits": [hit, {**hit, "chunk": {**hit["chunk"], "id": "b"}}]},
        {"type": "Routed", "model": "openai:gpt-4o-mini", "reason": "you asked for it"},
    ]
    batches = [
        {
            "v": 1,
            "type": "events",
            "seq": 0,
            "events": [{**e, "seq": n, "at": 0.0} for n, e in enumerate(events)],
        }
    ]
    seq, done, cited = len(events), "", 0
    for start in range(0, len(tokens), 16):
        run = tokens[start : start + 16]
        at = [0.1 + (start + n) / 500 for n in range(len(run))]
        items: list[dict] = [{"type": "Tokens", "at": at, "texts": run}]
        count = len(run)
        done += "".join(run)
        for match in re.finditer(r"\[(\d)\]", done[cited:]):
            span = (cited + match.start(), cited + match.end())
            quote = {
                "number": int(match[1]),
                "chunk_id": "a",
                "start": 0,
                "end": 21,
                "text": "A ticket is refunded.",
            }
            if span[1] < len(done):
                items.append(
                    {
                        "type": "Cited",
                        "seq": seq + count,
                        "at": at[-1],
                        "start": max(0, span[0] - 20),
                        "end": span[0] - 1,
                        "quotes": [quote],
                        "marker": span,
                    }
                )
                count += 1
        cited = max([cited, *(item["marker"][1] for item in items[1:])])
        batches.append({"v": 1, "type": "events", "seq": seq, "events": items})
        seq += count
    batches.append(
        {
            "v": 1,
            "type": "events",
            "seq": seq,
            "events": [{"type": "Finished", "seq": seq, "at": 6.5, "reason": "stop"}],
        }
    )
    return batches


def main() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        urls = server.stdout.readline().strip()
        kernel = Kernel()
        try:
            kernel.run(PIPELINES.format(urls=urls))
            wire(kernel)
            engine(kernel)
        finally:
            kernel.stop()
        saved(urls)
        drawing()
        stopping()
    finally:
        server.kill()
        server.communicate()


if __name__ == "__main__":
    main()
