"""The peers inside their processes: how each takes arrays, stages a function, and waits for it.

A class is found by the peer's name; it imports its library when it is made.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .contest import (
    COMPILED,
    JAX,
    NUMBA,
    NUMEXPR,
    NUMPY,
    OPENVINO,
    ORT,
    TORCH,
    Contest,
    Made,
    OnnxText,
)  # fmt: skip
from .harness import OURS
from .onnx_text import model_bytes

Run = Callable[[], Any]
_FREE_CONSTANTS = 8 << 20  # bytes of constants that JAX is handed as arguments from here on


class Library:
    """NumPy, and what is like it: functions are run as they are."""

    module = "numpy"

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.lib = importlib.import_module(self.module)
        self.set_up()

    def set_up(self) -> None:
        """Settings that must be made before the first work."""

    def array(self, host: Any) -> Any:
        """The library's own array."""
        return host

    def host(self, result: Any) -> Any:
        """A result as NumPy's array, float32 for narrower floats."""
        return narrow_to_float32(np.asarray(result))

    def wait(self, result: Any) -> Any:
        """Return when the result is there."""
        return result

    def make(self, contest: Contest, name: str, hosts: Sequence[Any], model: Path | None) -> Run:
        """What is timed. `model`: PyTorch's function as an ONNX file, for those who run that."""
        function = contest.function(name)
        arrays = [self.array(x) for x in hosts]
        if isinstance(function, Made):
            return self.waited(function.make(self.lib, *arrays))
        if function is None or isinstance(function, OnnxText):
            raise ValueError(f"{contest.name}: {name} has no function")
        if contest.gradient:
            return self.waited(self.gradient(contest, function, arrays))
        return self.waited(self.staged(contest, function, arrays))

    def waited(self, run: Run) -> Run:
        return run

    def staged(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Run:
        return lambda: function(self.lib, *arrays)

    def gradient(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Run:
        raise NotImplementedError(f"{contest.name}: {self.module} has no gradients")


class Tilewright(Library):
    """Ours: jitted, constants captured."""

    module = "tilewright"

    def set_up(self) -> None:
        self.lib.set_num_threads(self.threads)

    def array(self, host: Any) -> Any:
        return self.lib.asarray(host)

    def host(self, result: Any) -> Any:
        return narrow_to_float32(np.array(result.numpy()))

    def staged(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Run:
        f, variables = bound(function, self.lib, arrays, contest.constants)
        jitted = self.lib.jit(f)
        return lambda: jitted(*variables)

    def gradient(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Run:
        like = function(self.lib, *arrays)
        cotangent = self.array(cotangent_of(like.shape, contest.dtype))
        wanted = [arrays[i] for i in contest.gradient]

        def both(cotangent: Any, *wanted: Any) -> Any:
            def forward(*wanted: Any) -> Any:
                return function(self.lib, *replaced(arrays, contest.gradient, wanted))

            result, pull = self.lib.vjp(forward, *wanted)
            return (result, *pull(cotangent))

        jitted = self.lib.jit(both)
        return lambda: jitted(cotangent, *wanted)


class Torch(Library):
    """PyTorch, eager."""

    module = "torch"

    def set_up(self) -> None:
        self.lib.set_num_threads(self.threads)
        self.lib.set_grad_enabled(False)

    def array(self, host: Any) -> Any:
        if host.dtype.name == "bfloat16":  # which NumPy has from another package
            bits = self.lib.from_numpy(host.view(np.int16).copy())
            return bits.view(self.lib.bfloat16)
        return self.lib.from_numpy(host)

    def host(self, result: Any) -> Any:
        torch = self.lib
        narrow = result.dtype in (torch.bfloat16, torch.float16)
        return (result.float() if narrow else result).detach().numpy()

    def gradient(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Run:
        return self._gradient(contest, lambda *a: function(self.lib, *a), arrays)

    def _gradient(self, contest: Contest, forward: Callable[..., Any], arrays: list[Any]) -> Run:
        torch = self.lib
        leaves = [arrays[i].clone().requires_grad_() for i in contest.gradient]
        given = replaced(arrays, contest.gradient, leaves)
        with torch.enable_grad():
            like = forward(*given)
        cotangent = self.array(cotangent_of(like.shape, contest.dtype)).to(like.dtype)

        def run() -> Any:
            with torch.enable_grad():
                result = forward(*given)
                return (result, *torch.autograd.grad(result, leaves, cotangent))

        return run

    def module_of(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Any:
        """A torch.nn.Module with the constants as buffers, and its arguments."""
        torch = self.lib

        class Wrapped(torch.nn.Module):  # type: ignore[name-defined, misc]
            def __init__(self) -> None:
                super().__init__()
                for i in contest.constants:
                    self.register_buffer(f"constant{i}", arrays[i])

            def forward(self, *variables: Any) -> Any:
                rest = iter(variables)
                given = [
                    getattr(self, f"constant{i}") if i in contest.constants else next(rest)
                    for i in range(len(arrays))
                ]
                return function(torch, *given)

        variables = [x for i, x in enumerate(arrays) if i not in contest.constants]
        return Wrapped().eval(), variables

    def export(self, contest: Contest, hosts: Sequence[Any], path: Path) -> None:
        """PyTorch's function as an ONNX file, by the exporter that traces."""
        function = contest.functions[TORCH]
        if function is None or isinstance(function, Made | OnnxText):
            raise ValueError(f"{contest.name}: there is no function of PyTorch's to export")
        module, variables = self.module_of(contest, function, [self.array(x) for x in hosts])
        self.lib.onnx.export(module, tuple(variables), str(path), dynamo=False, opset_version=17)


class Compiled(Torch):
    """torch.compile; weights are frozen, as its manual advises for inference."""

    def staged(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Run:
        self._start_anew(bool(contest.constants))
        module, variables = self.module_of(contest, function, arrays)
        compiled = self.lib.compile(module)
        return lambda: compiled(*variables)

    def gradient(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Run:
        self._start_anew(False)
        compiled = self.lib.compile(lambda *a: function(self.lib, *a))
        return self._gradient(contest, compiled, arrays)

    def _start_anew(self, freezing: bool) -> None:
        """Forget earlier contests: after some shapes it would go over to unknown sizes, and after
        some more to eager code."""
        importlib.import_module("torch._dynamo").reset()
        inductor: Any = importlib.import_module("torch._inductor.config")
        inductor.freezing = freezing


class Jax(Library):
    """JAX on the processor, jitted, each result waited for."""

    module = "jax"

    def set_up(self) -> None:
        self.lib.config.update("jax_enable_x64", True)
        self.lib.config.update("jax_platforms", "cpu")
        importlib.import_module("jax.numpy")

    def array(self, host: Any) -> Any:
        return self.lib.numpy.asarray(host)

    def waited(self, run: Run) -> Run:
        return lambda: self.lib.block_until_ready(run())

    def staged(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Run:
        size = sum(arrays[i].nbytes for i in contest.constants)
        constants = contest.constants if size < _FREE_CONSTANTS else ()
        f, variables = bound(function, self.lib, arrays, constants)
        jitted = self.lib.jit(f)
        return lambda: jitted(*variables)

    def gradient(self, contest: Contest, function: Callable[..., Any], arrays: list[Any]) -> Run:
        like = function(self.lib, *arrays)
        cotangent = self.array(cotangent_of(like.shape, contest.dtype)).astype(like.dtype)

        def both(cotangent: Any, *arrays: Any) -> Any:
            def forward(*wanted: Any) -> Any:
                return function(self.lib, *replaced(arrays, contest.gradient, wanted))

            result, pull = self.lib.vjp(forward, *(arrays[i] for i in contest.gradient))
            return (result, *pull(cotangent))

        jitted = self.lib.jit(both)
        return lambda: jitted(cotangent, *arrays)


class OnnxRuntime(Library):
    """ONNX Runtime on PyTorch's exported function; inputs and outputs are not copied."""

    module = "onnxruntime"

    def make(self, contest: Contest, name: str, hosts: Sequence[Any], model: Path | None) -> Run:
        function = contest.function(name)
        if isinstance(function, Made):
            return function.make(self.lib, *hosts)  # type: ignore[no-any-return]
        session = self.session(
            model_bytes(function, hosts, contest.constants)
            if isinstance(function, OnnxText)
            else str(model)
        )
        binding = session.io_binding()
        variables = [x for i, x in enumerate(hosts) if i not in contest.constants]
        held = [self.lib.OrtValue.ortvalue_from_numpy(x) for x in variables]
        for given, value in zip(session.get_inputs(), held, strict=True):
            binding.bind_ortvalue_input(given.name, value)
        for output in session.get_outputs():
            binding.bind_output(output.name, "cpu")

        def run() -> Any:
            session.run_with_iobinding(binding)
            found = tuple(binding.get_outputs()), held
            return found[0][0] if len(found[0]) == 1 else found[0]

        return run

    def session(self, model: str | bytes) -> Any:
        """A session with the threads of this peer."""
        options = self.lib.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
        options.log_severity_level = 3
        return self.lib.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def host(self, result: Any) -> Any:
        return narrow_to_float32(result.numpy())


class OpenVino(Library):
    """OpenVINO on PyTorch's exported function, for latency, computing in float32."""

    module = "openvino"

    def make(self, contest: Contest, name: str, hosts: Sequence[Any], model: Path | None) -> Run:
        function = contest.function(name)
        if isinstance(function, Made):
            return function.make(self.lib, *hosts)  # type: ignore[no-any-return]
        compiled = self.compiled(
            self.lib.Core().read_model(model_bytes(function, hosts, contest.constants), b"")
            if isinstance(function, OnnxText)
            else str(model)
        )
        request = compiled.create_infer_request()
        variables = [x for i, x in enumerate(hosts) if i not in contest.constants]
        for i, host in enumerate(variables):
            request.set_input_tensor(i, self.lib.Tensor(host, shared_memory=True))

        def run() -> Any:
            request.infer()
            held = variables, [request.get_output_tensor(i) for i in range(len(compiled.outputs))]
            return held[1][0] if len(held[1]) == 1 else tuple(held[1])

        return run

    def compiled(self, model: Any) -> Any:
        """A compiled model with the threads of this peer; its default would be bfloat16 where
        the processor has it, which is other work."""
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self.threads,
            "NUM_STREAMS": 1,
        }
        return self.lib.Core().compile_model(model, "CPU", settings)

    def host(self, result: Any) -> Any:
        return narrow_to_float32(np.array(result.data))


class NumExpr(Library):
    """numexpr: functions call `numexpr.evaluate` with their arrays."""

    module = "numexpr"

    def set_up(self) -> None:
        self.lib.set_num_threads(self.threads)


class Numba(Library):
    """numba: scripts make the compiled function themselves."""

    module = "numba"

    def set_up(self) -> None:
        self.lib.set_num_threads(self.threads)


LIBRARIES: dict[str, type[Library]] = {
    OURS: Tilewright,
    NUMPY: Library,
    TORCH: Torch,
    COMPILED: Compiled,
    JAX: Jax,
    ORT: OnnxRuntime,
    OPENVINO: OpenVino,
    NUMEXPR: NumExpr,
    NUMBA: Numba,
}


def bound(
    function: Callable[..., Any], lib: Any, arrays: Sequence[Any], constants: Sequence[int]
) -> tuple[Callable[..., Any], list[Any]]:
    """The function of what is variable alone, and its arguments."""
    places = [i for i in range(len(arrays)) if i not in constants]

    def f(*variables: Any) -> Any:
        return function(lib, *replaced(arrays, places, variables))

    return f, [arrays[i] for i in places]


def replaced(arrays: Sequence[Any], places: Sequence[int], others: Sequence[Any]) -> list[Any]:
    """The arrays with those at `places` replaced.

    >>> replaced("abc", [1], "x")
    ['a', 'x', 'c']
    """
    found = list(arrays)
    for place, other in zip(places, others, strict=True):
        found[place] = other
    return found


def cotangent_of(shape: Sequence[int], dtype: str) -> Any:
    """The same normal numbers in every process."""
    return np.random.default_rng(1).standard_normal(tuple(shape)).astype(dtype)


def narrow_to_float32(host: Any) -> Any:
    """bfloat16 and float16 as float32, which any file may hold; others as they are."""
    return host.astype(np.float32) if host.dtype.name in ("bfloat16", "float16") else host
