"""Which response a request gets: the checks that a provider makes, then the answer or its fault."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from ragnb.simulator import faults, wire
from ragnb.simulator.faults import Faults
from ragnb.simulator.protocols import Protocol
from ragnb.simulator.protocols.errors import AnthropicErrors, Errors, OpenAIErrors
from ragnb.simulator.protocols.openai_stored import StoredResponses
from ragnb.simulator.recording import RecordedRequest
from ragnb.simulator.script import Script
from ragnb.simulator.wire import Json, Response


@dataclass(frozen=True, slots=True)
class Service:
    """All that is spoken at one address."""

    protocols: Mapping[str, Protocol]
    script: Script
    stored: StoredResponses
    faults: deque[Faults]
    models: Collection[str] | None = None
    api_keys: Collection[str] | None = None

    def respond(self, request: RecordedRequest) -> Response:
        """The response to a request. One that is refused at the door uses up no fault."""
        response = self._respond(request)
        return replace(response, pieces=()) if request.method == "HEAD" else response

    def _respond(self, request: RecordedRequest) -> Response:
        if self.stored.speaks(request.path):
            return self._refusal_of_stored(request) or self._stored(request)
        protocol = self.protocols.get(request.path)
        if protocol is None:
            errors = AnthropicErrors() if "anthropic-version" in request.headers else OpenAIErrors()
            return wire.document(errors.unknown_path(request.method, request.path), 404)
        return self._refusal(protocol, request) or self._answer(protocol, request.json)

    def _refusal(self, protocol: Protocol, request: RecordedRequest) -> Response | None:
        errors = protocol.errors
        if (refusal := self._door(errors, request, "POST")) is not None:
            return refusal
        if not isinstance(request.json, dict):
            message = "We could not parse the JSON body of your request."
            return wire.document(errors.body(400, message), 400)
        model = request.json.get("model")
        if not isinstance(model, str):
            return wire.document(errors.body(400, "you must provide a model parameter"), 400)
        if self.models is not None and model not in self.models:
            return wire.document(errors.unknown_model(model), 404)
        return None

    def _refusal_of_stored(self, request: RecordedRequest) -> Response | None:
        return self._door(self.stored.errors, request, self.stored.method(request.path))

    def _door(self, errors: Errors, request: RecordedRequest, method: str) -> Response | None:
        if request.method != method:
            return wire.document(errors.wrong_method(request.method, request.path), 405)
        key = errors.key(request.headers)
        if self.api_keys is not None and key not in self.api_keys:
            return wire.document(errors.wrong_key(key), 401)
        return None

    def _stored(self, request: RecordedRequest) -> Response:
        fault = self.faults.popleft() if self.faults else None
        response = faults.apply(fault, self.stored.answer(request), self.stored)
        late = response.run is not None and response.run.too_old
        return self.stored.too_old() if late else response

    def _answer(self, protocol: Protocol, request: Json) -> Response:
        fault = self.faults.popleft() if self.faults else None
        try:
            response = protocol.answer(request, self.script)
        except Exception as error:  # a scripted answer is the caller's code
            message = f"The simulator could not answer: {type(error).__name__}: {error}"
            return wire.document(protocol.errors.body(500, message), 500)
        return faults.apply(fault, response, protocol)
