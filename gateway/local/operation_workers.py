"""What a manifest's operations are done with: places for commands and connections that no reading takes from them."""

from typing import assert_never

from gateway.local.command import Commands
from gateway.local.command_operation import CommandOperation
from gateway.local.operation_bindings import CommandBinding, OperationBinding, WebBinding
from gateway.local.operations import Operation
from gateway.local.web_call import WebCaller
from gateway.local.web_operation import WebOperation


class OperationWorkers:
    """Makes operations of what is declared. Making it does nothing; whoever made it closes it."""

    def __init__(self) -> None:
        self._commands = Commands()
        self._caller = WebCaller()

    def operation(self, binding: OperationBinding) -> Operation:
        """The operation that does what the binding says."""
        match binding:
            case CommandBinding():
                return CommandOperation(binding, self._commands)
            case WebBinding():
                return WebOperation(binding, self._caller)
            case _:
                assert_never(binding)

    async def close(self) -> None:
        """Let go of all connections; called when no execution runs any more."""
        await self._caller.close()
