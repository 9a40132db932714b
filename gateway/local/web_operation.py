"""An operation that asks a device over HTTP: its parameters go into the request, the answer is the result."""

from collections.abc import Mapping
from typing import Any, Final, assert_never

from entities.jsontext import InvalidJsonError
from gateway.local.calls import SecretError
from gateway.local.operation_bindings import WebBinding
from gateway.local.operations import Completed, Failed, OperationSpec, Outcome, Progress
from gateway.local.values import parse_shallow
from gateway.local.web_call import WebAnswer, WebCaller, WebFailure, climbs

WEB_RESULT_BYTES: Final = 128 * 1024
"""Bytes of an answer that become a result."""

TOLD_ANSWER: Final = 2000
"""Characters of an answer that says no which a client is told."""

LATER_S: Final = 1.0
"""Seconds that a request may take beyond its operation, whose own end comes first."""


class WebOperation:
    """One operation of a manifest, asked by `caller`."""

    def __init__(self, binding: WebBinding, caller: WebCaller) -> None:
        self._binding = binding
        self._caller = caller

    @property
    def spec(self) -> OperationSpec:
        return self._binding.spec

    async def execute(self, parameters: Mapping[str, Any], progress: Progress) -> Outcome:
        """Asks once; cancelled, it breaks the connection off."""
        del progress  # a device tells nothing before its answer
        try:
            request = await self._binding.call.filled(parameters)
        except SecretError as error:
            return Failed(str(error))
        if climbs(request.url):
            return Failed("a parameter would lead to another path of its device; send another one")
        outcome = await self._caller.ask(request, timeout_s=self.spec.timeout_s + LATER_S, limit_bytes=WEB_RESULT_BYTES)
        match outcome:
            case WebAnswer():
                return _outcome(outcome)
            case WebFailure(reason, was_sent):
                return Failed(reason, {"may_have_executed": was_sent})
            case _:
                assert_never(outcome)


def _outcome(answer: WebAnswer) -> Outcome:
    if not 200 <= answer.status < 300:
        told = answer.body.decode(errors="replace").strip()[:TOLD_ANSWER]
        return Failed(f"its device answered {answer.status}", {"status": answer.status, "answer": told})
    try:
        return Completed(parse_shallow(answer.body, max_bytes=WEB_RESULT_BYTES) if answer.body.strip() else {})
    except InvalidJsonError:
        return Completed({"output": answer.body.decode(errors="replace").splitlines()})
