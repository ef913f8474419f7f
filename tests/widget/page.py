"""A front end without a browser: what a page with the notebook would receive, join and answer."""

from __future__ import annotations

import queue
import time
from typing import Any

from jupyter_client.manager import KernelManager

VIEW = "application/vnd.jupyter.widget-view+json"


class Log:
    """The events of one answer, joined from messages as the front end joins them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.gaps = 0
        self.alive = 0

    def take(self, message: dict[str, Any]) -> None:
        assert message["v"] == 1
        match message["type"]:
            case "restart":
                self.events.clear()
            case "alive":
                self.alive += 1
            case "events":
                self.add(message["seq"], message["events"])

    def add(self, seq: int, items: list[dict[str, Any]]) -> None:
        if seq > len(self.events):
            self.gaps += 1
            return
        for item in items:
            for event in self._unpacked(item, seq):
                if seq == len(self.events):
                    self.events.append(event)
                seq += 1

    def _unpacked(self, item: dict[str, Any], seq: int) -> list[dict[str, Any]]:
        if item["type"] != "Tokens":
            return [item]
        pairs = enumerate(zip(item["at"], item["texts"], strict=True), start=seq)
        return [{"type": "Token", "seq": n, "at": at, "text": text} for n, (at, text) in pairs]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    @property
    def text(self) -> str:
        return "".join(event["text"] for event in self.events if event["type"] == "Token")


class Comm:
    """One widget as a page has it."""

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        self.log = Log()
        self.log.add(0, state.get("events", []))
        self.closed = False


class Page:
    """A kernel and a page that executes cells in it. Messages are taken in while it waits for something."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        self.comms: dict[str, Comm] = {}
        self.outputs: dict[str, list[dict[str, Any]]] = {}  # by request: the bundles, as they are now
        self.displays: dict[str, dict[str, Any]] = {}  # by display id
        self.said = ""
        self.errors: list[dict[str, Any]] = []
        self.idle: set[str] = set()

    def clear(self) -> None:
        """Load the page anew; what the kernel still says to the old one is not heard."""
        for had in (self.comms, self.outputs, self.displays, self.errors):
            had.clear()

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def execute(self, code: str, watched: bool = True) -> str:
        """Begin a cell as JupyterLab does, or as a run that nobody watches; returns its request's id."""
        session = self.client.session
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        request = session.msg("execute_request", content, metadata={"cellId": "c1"} if watched else {})
        self.client.shell_channel.send(request)
        return str(request["header"]["msg_id"])

    def run(self, code: str) -> str:
        """Execute a cell to its end; returns what it printed."""
        request, before = self.execute(code), len(self.said)
        self.until(lambda: request in self.idle)
        assert not self.errors, self.errors
        return self.said[before:]

    def open_subshell(self) -> str:
        self.client.control_channel.send(self.client.session.msg("create_subshell_request"))
        reply = self.client.get_control_msg(timeout=30)
        return str(reply["content"]["subshell_id"])

    def send(self, comm_id: str, message: dict[str, Any], subshell: str | None = None) -> None:
        data = {"method": "custom", "content": {"v": 1, **message}}
        request = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": data})
        if subshell is not None:
            request["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(request)

    def answers(self) -> list[str]:
        """The ids of the answers' widgets, in order."""
        return [comm_id for comm_id, comm in self.comms.items() if "blocking" in comm.state]

    def until(self, condition: Any, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            try:
                message = self.client.get_iopub_msg(timeout=deadline - time.monotonic())
            except queue.Empty:
                raise AssertionError(f"waited in vain; said {self.said!r}, errors {self.errors}") from None
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        content = message["content"]
        request = message["parent_header"].get("msg_id", "")
        match message["msg_type"]:
            case "stream":
                self.said += content["text"]
            case "error":
                self.errors.append(content)
            case "status" if content["execution_state"] == "idle":
                self.idle.add(request)
            case "display_data" | "execute_result":
                bundle = dict(content["data"])
                self.outputs.setdefault(request, []).append(bundle)
                if display_id := content.get("transient", {}).get("display_id"):
                    self.displays[display_id] = bundle
            case "update_display_data":
                if bundle := self.displays.get(content["transient"]["display_id"]):
                    bundle.clear()
                    bundle.update(content["data"])
            case "comm_open":
                self.comms[content["comm_id"]] = Comm(content["data"]["state"])
            case "comm_close" if content["comm_id"] in self.comms:
                self.comms[content["comm_id"]].closed = True
            case "comm_msg" if content["comm_id"] in self.comms:
                comm, data = self.comms[content["comm_id"]], content["data"]
                if data["method"] == "custom":
                    comm.log.take(data["content"])
                elif data["method"] == "update":
                    comm.state.update(data["state"])
