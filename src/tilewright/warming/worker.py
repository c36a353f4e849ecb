"""A worker process of the warm-up: `python -m tilewright.warming.worker`."""

from __future__ import annotations

from ..autotune.serving import serve
from ..autotune.wire import Message
from ..dsl.common_set import CommonKernel, common_kernels
from ..dsl.errors import TilewrightError
from ..lowering.engine import Engine
from .goal import Goal


class Oven:
    """Compiles common kernels by their number; `answer` takes the parent's messages."""

    def __init__(self) -> None:
        self.engine: Engine | None = None
        self.kernels: list[CommonKernel] = []

    def answer(self, message: Message) -> Message:
        """`open` tells for what to compile, `compile` a number."""
        return {"open": self._open, "compile": self._compile}[message["do"]](message)

    def _open(self, message: Message) -> Message:
        self.engine = Goal(**message["goal"]).engine()
        self.kernels = self.kernels or common_kernels()
        return {"count": len(self.kernels)}

    def _compile(self, message: Message) -> Message:
        """Compile one kernel; `problem` says that the cache's folder cannot be written to."""
        assert self.engine is not None, "the parent opens before it compiles"
        kernel = self.kernels[message["number"]]
        if kernel.title != message["title"]:
            return {"failed": f"kernel {message['number']} is another one here: {kernel.title}"}
        try:
            self.engine.compile(kernel.graph)
        except TilewrightError as error:
            return {"failed": str(error)}
        return {"problem": self.engine.cache.problem}


if __name__ == "__main__":
    serve(Oven().answer)
