"""Reductions, softmax and normalisations, forward and with their gradients, beside every peer."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import tilewright as tw

from . import machine
from .harness import BEST_PEER, OURS, Case, Goal, Options, Run
from .rows_functions import ROWS, Rows

FORWARD = Goal(
    "reductions, softmax and norms: geometric mean at least 1.3x the best peer",
    ratio=0.0001,
    peer=BEST_PEER,
    mean=1.3,
)
BACKWARD = Goal(
    "softmax and norms with their gradients: geometric mean at least 1.1x the best peer",
    ratio=0.0001,
    peer=BEST_PEER,
    mean=1.1,
)


def cases(options: Options) -> Iterator[Case]:
    """Every function at its sizes, then those that have gradients of interest with them."""
    for name, rows in ROWS.items():
        for shape in rows.shapes:
            yield _case(name, rows, shape, options, with_gradient=False)
    for name, rows in ROWS.items():
        for shape in rows.shapes if rows.is_trained else ():
            yield _case(name, rows, shape, options, with_gradient=True)


def _case(
    name: str, rows: Rows, shape: tuple[int, ...], options: Options, *, with_gradient: bool
) -> Case:
    given = _arguments(rows, shape)
    make = _with_gradient if with_gradient else _forward
    runs = make(rows, given, options)
    sizes = "x".join(map(str, shape))
    title = f"{name}{' and gradient' if with_gradient else ''} {sizes}"
    goal = BACKWARD if with_gradient else FORWARD
    return Case(title, runs, goal, partial(_check, runs, rows, given, with_gradient))


def _arguments(rows: Rows, shape: tuple[int, ...]) -> list[Any]:
    """The array, then what the function scales and moves by, in float32."""
    rng = np.random.default_rng(0)
    more = [rng.uniform(0.5, 1.5, s).astype(np.float32) for s in rows.parameters(shape)]
    return [rng.standard_normal(shape).astype(np.float32), *more]


# --------------------------------------------------------------------------- contenders


def _forward(rows: Rows, given: Sequence[Any], options: Options) -> dict[str, Run]:
    ours = [tw.asarray(x) for x in given]
    runs: dict[str, Run] = {OURS: partial(tw.jit(rows.ours), *ours)}
    if rows.numpy is not None:
        runs["NumPy"] = partial(rows.numpy, *given)
    if torch := options.torch:
        theirs = [torch.from_numpy(x) for x in given]
        function = partial(rows.torch, torch)
        runs["PyTorch"] = _without_tape(torch, function, theirs)
        runs["torch.compile"] = _without_tape(torch, torch.compile(function), theirs)
        if jax := machine.jax_module():
            runs["JAX"] = _in_jax(jax, partial(rows.jax, jax), given)
        runs |= _runtimes(rows, given, options.threads)
    return runs


def _without_tape(torch: Any, function: Callable[..., Any], given: Sequence[Any]) -> Run:
    def run() -> Any:
        with torch.inference_mode():
            return function(*given)

    return run


def _in_jax(jax: Any, function: Callable[..., Any], given: Sequence[Any]) -> Run:
    staged = jax.jit(function)
    there = [jax.numpy.asarray(x) for x in given]
    return lambda: jax.block_until_ready(staged(*there))


def _with_gradient(rows: Rows, given: Sequence[Any], options: Options) -> dict[str, Run]:
    """The value is computed, and the gradients of all arguments for one cotangent of ones."""

    def ours(*arrays: Any) -> Any:
        y, pull = tw.vjp(rows.ours, *arrays)
        return pull(arrays[0] if y.shape == arrays[0].shape else tw.ones_like(y))

    here = [tw.asarray(x) for x in given]
    runs: dict[str, Run] = {OURS: partial(tw.jit(ours), *here)}
    if torch := options.torch:
        function = partial(rows.torch, torch)
        runs["PyTorch"] = _torch_gradient(torch, function, given)
        runs["torch.compile"] = _torch_gradient(torch, torch.compile(function), given)
        if jax := machine.jax_module():

            def theirs(*arrays: Any) -> Any:
                _, pull = jax.vjp(partial(rows.jax, jax), *arrays)
                return pull(arrays[0])

            runs["JAX"] = _in_jax(jax, theirs, given)
    return runs


def _torch_gradient(torch: Any, function: Callable[..., Any], given: Sequence[Any]) -> Run:
    leaves = [torch.from_numpy(x.copy()).requires_grad_() for x in given]
    cotangent = torch.from_numpy(given[0])

    def run() -> Any:
        return torch.autograd.grad(function(*leaves), leaves, cotangent)

    return run


# --------------------------------------------------------------------------- ONNX


def _runtimes(rows: Rows, given: Sequence[Any], threads: int) -> dict[str, Run]:
    """ONNX Runtime and OpenVINO, where they are installed and the operators say it."""
    found = {
        "ONNX Runtime": (_onnxruntime, ("onnx", "onnxruntime")),
        "OpenVINO": (_openvino, ("onnx", "openvino")),
    }
    if not rows.onnx:
        return {}
    return {
        name: make(_model(rows, given), given, threads)
        for name, (make, modules) in found.items()
        if all(map(importlib.util.find_spec, modules))
    }


def _model(rows: Rows, given: Sequence[Any]) -> bytes:
    """A model of one function, whose parameters are initial values, as they are in inference."""
    onnx = importlib.import_module("onnx")
    helper = importlib.import_module("onnx.parser")
    names = ("x", "weight", "bias", "mean", "variance")
    shape = ",".join(map(str, given[0].shape))
    head = f'<ir_version: 10, opset_import: ["": 23]> g (float[{shape}] x) => (y)'
    text = f"{head} {{ {rows.onnx} }}"
    model = helper.parse_model(text)
    for name, value in zip(names[1:], given[1:], strict=False):
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    return bytes(model.SerializeToString())


def _onnxruntime(model: bytes, given: Sequence[Any], threads: int) -> Run:
    runtime = importlib.import_module("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": given[0]})


def _openvino(model: bytes, given: Sequence[Any], threads: int) -> Run:
    openvino = importlib.import_module("openvino")
    told = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(_read(openvino, model), "CPU", told)
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(given[0], shared_memory=True))

    def run() -> Any:
        request.infer()
        return request.get_output_tensor().data

    return run


def _read(openvino: Any, model: bytes) -> Any:
    return openvino.Core().read_model(model, b"")


# --------------------------------------------------------------------------- checks


TOLERANCE = 2e-4  # of the largest result: sums of float32 in any order


def _check(runs: Mapping[str, Run], rows: Rows, given: Sequence[Any], with_gradient: bool) -> None:
    """Every contender's result is ours, within what long sums of float32 may differ by."""
    ours = _leaves(runs[OURS]())
    for name, run in runs.items():
        for found, expected in zip(_leaves(run()), ours, strict=True):
            scale = float(np.abs(expected).max(initial=1e-30))
            np.testing.assert_allclose(found, expected, TOLERANCE, TOLERANCE * scale, err_msg=name)


def _leaves(result: Any) -> list[Any]:
    many = isinstance(result, list | tuple)
    return [np.asarray(y) for y in result] if many else [np.asarray(result)]
