"""Operations as the manifest declares them: what they do, without doing it."""

from dataclasses import dataclass

from gateway.local.calls import CommandCall, WebCall
from gateway.local.operations import OperationSpec


@dataclass(frozen=True, slots=True)
class CommandBinding:
    """A command is run; with `sends_parameters` it gets them as JSON on its standard input."""

    spec: OperationSpec
    call: CommandCall
    sends_parameters: bool = False


@dataclass(frozen=True, slots=True)
class WebBinding:
    """A device is asked."""

    spec: OperationSpec
    call: WebCall


OperationBinding = CommandBinding | WebBinding
