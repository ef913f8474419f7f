"""Background responses of OpenAI's Responses API after they were created: retrieve and cancel.

https://platform.openai.com/docs/api-reference/responses/get
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ragnb.simulator import wire
from ragnb.simulator.background import Kept, Run
from ragnb.simulator.protocols.errors import OpenAIErrors
from ragnb.simulator.protocols.openai_responses import error_event
from ragnb.simulator.recording import RecordedRequest
from ragnb.simulator.wire import Piece, Response

_PATH = re.compile(r"/v1/responses/(?P<id>[^/]+)(?P<cancel>/cancel)?")
_TOO_OLD = "This response can no longer be streamed because it is more than 5 minutes old."
_NOT_STREAMED = "This response cannot be streamed because it was not created with stream=true."


@dataclass(frozen=True, slots=True)
class StoredResponses:
    """``GET /v1/responses/{id}``, plain or streamed from an event on, and ``POST …/cancel``."""

    kept: Kept
    errors = OpenAIErrors()

    def speaks(self, path: str) -> bool:
        """Whether a path is that of a stored response."""
        return _PATH.fullmatch(path) is not None

    def method(self, path: str) -> str:
        """The HTTP method that a path wants."""
        return "POST" if path.endswith("/cancel") else "GET"

    def answer(self, request: RecordedRequest) -> Response:
        """The response to a request for a path that `speaks` knows."""
        found = _PATH.fullmatch(request.path)
        assert found is not None
        run = self.kept.get(found["id"])
        if run is None:
            if found["cancel"] and found["id"] in self.kept.foreground:
                return self._refuse(400, "Cannot cancel a synchronous response.")
            return self._refuse(404, f"Response with id '{found['id']}' not found.")
        if found["cancel"]:
            run.cancel()
        elif request.query.get("stream") == "true":
            return self._stream(run, request.query.get("starting_after"))
        return wire.document(run.response())

    def error_event(self, number: int) -> Piece:
        return error_event(number)

    def _stream(self, run: Run, after: str | None) -> Response:
        if run.too_old:
            return self._refuse(400, _TOO_OLD)
        if not run.streamed:
            return self._refuse(400, _NOT_STREAMED)
        try:
            first = 0 if after is None else int(after) + 1
        except ValueError:
            return self._refuse(400, "Invalid 'starting_after': expected an integer.")
        return wire.stream(run.pieces[max(0, first) :], run)

    def too_old(self) -> Response:
        """What a response gets that is streamed too late."""
        return self._refuse(400, _TOO_OLD)

    def _refuse(self, status: int, message: str) -> Response:
        return wire.document(self.errors.body(status, message), status)
