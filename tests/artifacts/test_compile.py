"""`tw.compile` and `tw.load`: what is frozen, names, pytrees, state, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn
from tilewright.dsl.errors import ArgumentError, ArtifactError, TraceError

Pair = namedtuple("Pair", "first second")


def through_a_file(made: tw.Artifact, folder: Path) -> tw.Artifact:
    made.save(folder / "f.tw")
    return tw.load(folder / "f.tw")


@pytest.mark.parametrize("rows", [0, 1, 2, 21, 300])
def test_a_model_gives_the_same_loaded(
    model: nn.Module, made: tw.Artifact, path: Path, pixels: np.ndarray, rows: int
) -> None:
    x = np.resize(pixels, (rows, 64))
    expected = model(tw.asarray(x)).numpy()
    for artifact in (made, tw.load(path), tw.load(path, copy=True, trust_weights=True)):
        found = artifact(x)
        assert found.shape == (rows, 10) and found.dtype == tw.float32
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_loaded_bits_are_those_of_the_staged_function(
    model: nn.Module, pixels: np.ndarray, tmp_path: Path
) -> None:
    staged = tw.jit(lambda x: model(x))
    loaded = through_a_file(tw.compile(staged, pixels), tmp_path)
    np.testing.assert_array_equal(loaded(pixels).numpy(), staged(tw.asarray(pixels)).numpy())


def test_weights_are_frozen_and_stored_once(model: nn.Module, pixels: np.ndarray) -> None:
    scale = tw.array([2.0, 3.0])
    made = tw.compile(lambda x: x * scale, tw.zeros(2))
    scale += 1
    assert made(tw.ones(2)).tolist() == [2.0, 3.0]
    # The first product reads the packed form of its weight alone: the raw one is not stored.
    names = tw.compile(model, pixels).manifest["weights"]
    assert "0.weight" not in names and "0.bias" in names
    assert any(name.startswith("derived") for name in names)


def test_a_cast_of_a_weight_is_stored_instead_of_it() -> None:
    weight = tw.array(np.arange(6.0).reshape(2, 3))
    made = tw.compile(lambda x: x + weight.astype("float32") * 2, tw.zeros(3, dtype="float32"))
    assert made.manifest["weights"] == ["derived0"]
    assert made(tw.zeros(3, dtype="float32")).tolist() == [[0, 2, 4], [6, 8, 10]]


def test_loads_without_the_compiler_and_the_source(path: Path) -> None:
    program = (
        "import sys, tilewright as tw\n"
        f"made = tw.load({str(path)!r})\n"
        "made(tw.zeros((3, 64), dtype='float32'))\n"
        "assert not {'tvm', 'tvm_ffi', 'tilewright.lowering.engine'} & set(sys.modules)\n"
        "assert 'tilewright.stdlib_nn' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_names_and_pytrees(tmp_path: Path) -> None:
    def f(a: Any, parts: Any, *rest: Any, mode: str, factor: float = 2.0) -> Any:
        total = a * factor + parts["left"] + parts["right"][0] + rest[0]
        return {"total": total, "more": (mode, [total.sum()], Pair(a, None)), "two": 2}

    x = tw.ones(3)
    made = tw.compile(f, x, {"left": x, "right": (x, 7)}, x, mode="fast")
    loaded = through_a_file(made, tmp_path)
    assert [p.name for p in loaded.inputs] == ["a", "parts.left", "parts.right.0", "rest0"]
    assert [p.name for p in loaded.outputs] == ["total", "more.1.0", "more.2.0"]
    parts = {"left": x, "right": (x, 7)}
    for found in (
        loaded(x, parts, x),
        loaded(a=x, parts=parts, rest0=x, mode="fast"),
        loaded(x, rest0=x, **{"parts.left": x, "parts.right.0": x}),
        loaded([1.0, 1.0, 1.0], parts, np.ones(3)),
    ):
        assert found["total"].tolist() == [5.0, 5.0, 5.0] and found["two"] == 2
        mode, sums, pair = found["more"]
        assert (mode, sums[0].item(), pair.second) == ("fast", 15.0, None)
        assert pair._fields == Pair._fields and pair.first.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, x: f(x), "got no value for y"),
        (lambda f, x: f(x, x, x), "got 3 arguments; it takes x, y"),
        (lambda f, x: f(x, x, x=x), "got x twice"),
        (lambda f, x: f(x, z=x), "got an argument z; it takes x, y"),
        (lambda f, x: f(x, "no array"), "got what is no array"),
        (lambda f, x: f(x, x.astype("float32")), "got y of dtype float32; it must be float64"),
        (lambda f, x: f(x, tw.ones(4)), r"got y of shape \(4,\); axis 0 must have size 3"),
        (lambda f, x: f(tw.ones((3, 1)), x), r"got x of shape \(3, 1\); it must have 1 axes"),
    ],
)
def test_wrong_arguments_are_named(call: Any, message: str) -> None:
    made = tw.compile(lambda x, y: x + y, tw.zeros(3), tw.zeros(3))
    with pytest.raises((TypeError, ValueError), match=message):
        call(made, tw.ones(3))


def test_another_constant_is_refused() -> None:
    made = tw.compile(lambda x, n: x * n, tw.zeros(3), 2)
    assert made(tw.ones(3)).tolist() == made(tw.ones(3), 2).tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(ArgumentError, match="got n = 3; the program was made for another"):
        made(tw.ones(3), 3)


def test_results_of_every_kind(tmp_path: Path) -> None:
    weight = tw.array([1.0, 2.0])
    made = tw.compile(lambda x: (x, x, weight, weight * 2, 1.5, True, "t"), tw.zeros(2))
    found = through_a_file(made, tmp_path)(tw.array([5.0, 6.0]))
    assert [f.tolist() if isinstance(f, tw.Array) else f for f in found] == [
        [5.0, 6.0], [5.0, 6.0], [1.0, 2.0], [2.0, 4.0], 1.5, True, "t",
    ]  # fmt: skip
    found[2][0] = 9  # a copy: the weight is mapped read-only
    assert weight.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("dtype", [d.name for d in tw.dsl.dtypes.ALL])
def test_every_dtype(dtype: str, tmp_path: Path) -> None:
    kept = tw.array([0, 1, 1], dtype=dtype)
    made = through_a_file(tw.compile(lambda x: (x, kept), tw.zeros(3, dtype=dtype)), tmp_path)
    x = tw.array([1, 0, 1], dtype=dtype)
    first, second = made(x)
    assert (first.dtype, second.dtype) == (x.dtype, x.dtype)
    assert first.tolist() == x.tolist() and second.tolist() == kept.tolist()


# --------------------------------------------------------------------------- state


def test_writing_state_is_refused_with_its_name() -> None:
    counter = tw.zeros(())

    def count(x: tw.Array) -> tw.Array:
        nonlocal counter
        counter += 1
        return x + counter

    with pytest.raises(TraceError, match="count changes state: it writes the enclosing variable"):
        tw.compile(count, tw.zeros(3))
    assert counter.item() == 0


def test_dropout_in_training_is_refused_and_in_evaluation_is_not() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5))
    x = tw.zeros((2, 4), dtype="float32")
    with pytest.raises(TraceError, match=r"changes state.*model\.eval\(\)"):
        tw.compile(model, x)
    assert tw.compile(model.eval(), x)(x).shape == (2, 4)


def test_writing_arguments_and_gradients_is_refused() -> None:
    def write(x: tw.Array) -> tw.Array:
        x[0] = 1
        return x

    with pytest.raises(TraceError, match="its arguments are written to"):
        tw.compile(write, tw.zeros(3))
    weight = nn.Parameter([1.0, 2.0, 3.0])

    def backward(x: tw.Array) -> tw.Array:
        loss = (x * weight).sum()
        loss.backward()
        return loss

    with pytest.raises(TraceError, match=r"sets the \.grad"):
        tw.compile(backward, tw.zeros(3))


def test_gradients_as_results(tmp_path: Path) -> None:
    weight = tw.array([1.0, 2.0, 3.0])
    slope = tw.grad(lambda x: (x * x * weight).sum())
    made = through_a_file(tw.compile(slope, tw.zeros(3)), tmp_path)
    assert made(tw.ones(3)).tolist() == [2.0, 4.0, 6.0]


def test_what_no_file_can_hold_is_refused() -> None:
    with pytest.raises(ArtifactError, match="got a set among"):
        tw.compile(lambda x: (x, {1, 2}), tw.zeros(3))
    with pytest.raises(ArtifactError, match="neither '=' nor control"):
        tw.compile(lambda x: {"a=b": x}, tw.zeros(3))
    with pytest.raises(ArtifactError, match="two outputs have the name a.b"):
        tw.compile(lambda x: {"a": {"b": x}, "a.b": x + 1}, tw.zeros(3))
    with pytest.raises(ArgumentError, match="example arguments do not fit"):
        tw.compile(lambda x: x)


def test_save_is_atomic(made: tw.Artifact, tmp_path: Path) -> None:
    target = tmp_path / "m.tw"
    target.write_bytes(b"old")
    target.chmod(0o644)
    made.save(target)
    assert [f.name for f in tmp_path.iterdir()] == ["m.tw"]
    loaded = tw.load(target)
    made.save(target)  # while it is mapped
    assert loaded(tw.zeros((1, 64), dtype="float32")).shape == (1, 10)
    with pytest.raises(OSError, match="No such file"):
        made.save(tmp_path / "absent" / "m.tw")
    again = tmp_path / "again.tw"
    loaded.save(again)
    assert again.read_bytes() == target.read_bytes()


def test_missing_files_are_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tw.load(tmp_path / "absent.tw")
    with pytest.raises(OSError, match="not a regular file"):
        tw.load(tmp_path)
