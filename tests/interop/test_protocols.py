"""Python's and NumPy's protocols on arrays: text, numbers, containers, copies, pickles, memory."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tilewright as tw
import tilewright.numpy as tnp
from tilewright.dsl import dtypes

NUMPY_TYPES = [d.name for d in dtypes.ALL if d.name != "bfloat16"]
SAMPLES = {
    "empty": np.zeros((0, 3)),
    "0-d": np.array(2.5),
    "vector": np.array([1.0, -2.5, 1e-9]),
    "matrix": np.arange(6).reshape(2, 3),
    "long": np.arange(2000.0),
    "bools": np.array([True, False]),
    "special": np.array([np.nan, np.inf, -0.0], np.float32),
    "strided": np.arange(24.0).reshape(2, 3, 4)[:, ::2, ::-1],
}


@pytest.mark.parametrize("name", NUMPY_TYPES)
@pytest.mark.parametrize("show", [repr, str, "{}".format], ids=["repr", "str", "format"])
def test_text_is_numpys(name: str, show: Callable[[Any], str]) -> None:
    for sample in SAMPLES.values():
        with np.errstate(all="ignore"):
            host = np.asarray(np.nan_to_num(sample)).astype(name)
        assert show(tw.asarray(host)) == show(host)


def test_text_names_what_cannot_be_seen() -> None:
    assert repr(tw.ones(2, "bfloat16")) == "array([1, 1], dtype=bfloat16)"
    for device in tnp.__array_namespace_info__().devices()[1:]:
        there = tw.ones(2, "float32", device=device)
        assert repr(there) == f"array([1., 1.], dtype=float32, device={device.name!r})"


CONVERSIONS = [
    bool, int, float, complex, lambda x: x.__index__(), len, list, iter, lambda x: format(x, ".1f"),
    lambda x: 2.5 in x, lambda x: range(10)[x], hex, round, divmod, lambda x: divmod(x, 2),
    lambda x: x.item(), lambda x: x.tolist(), lambda x: [y.tolist() for y in x], memoryview,
    lambda x: memoryview(x).tolist(), bytes, lambda x: x.tobytes("F"), lambda x: x.itemsize,
    lambda x: x.nbytes, lambda x: x.strides, lambda x: x.T.tolist(), lambda x: x.mT.tolist(),
    lambda x: [float(y) for y in x.flat], lambda x: x.flat[0], lambda x: x.size, lambda x: x.ndim,
    lambda x: x.real.tolist(), lambda x: x.imag.tolist(), lambda x: -x, lambda x: ~x,
]  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("place", range(len(CONVERSIONS)))
def test_conversions_and_their_errors(sample: str, place: int) -> None:
    """The same value as NumPy gives, or an error that the same `except` clause catches."""
    convert: Any = CONVERSIONS[place]
    host = SAMPLES[sample]
    try:
        expected = convert(host)
    except Exception as error:
        with pytest.raises((TypeError, ValueError, IndexError)) as caught:
            convert(tw.asarray(host))
        assert any(issubclass(caught.type, c) for c in type(error).__mro__[:-3]), error
        return
    found = convert(tw.asarray(host))
    if isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(np.asarray(found), expected)
    elif isinstance(expected, bool | int | float | complex | str | bytes | list):
        np.testing.assert_equal(_plain(found), _plain(expected))


def _plain(x: Any) -> Any:
    if isinstance(x, list):
        return list(map(_plain, x))
    return x.tolist() if isinstance(x, tw.Array | np.ndarray | np.generic) else x


@pytest.mark.parametrize("name", [d.name for d in dtypes.ALL])
@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_copies_and_pickles(name: str, again: Callable[[Any], Any]) -> None:
    x = tw.asarray([[1, 0], [1, 1]], dtype=name)
    for view in (x, x[0], x.T, x[0, 0], x[:0], tw.asarray([])):
        made = again(view)
        assert made is not view and (made.dtype, made.shape) == (view.dtype, view.shape)
        assert made.tolist() == view.tolist()
    made = again(x)
    made[...] = 0
    assert x.tolist() == tw.asarray([[1, 0], [1, 1]], dtype=name).tolist()


def test_pickles_hold_no_code_of_values_and_devices_stay_themselves() -> None:
    data = pickle.dumps(tw.arange(3))
    assert b"_restore" in data and b"eval" not in data
    device = tw.device("cpu")
    assert pickle.loads(pickle.dumps(device)) is device
    weight = tw.ones(2).requires_grad_()
    assert copy.deepcopy(weight).requires_grad and copy.copy(weight) is not weight


def test_numpy_asks_for_an_array() -> None:
    x = tw.arange(3)
    assert np.asarray(x).ctypes.data == x.numpy().ctypes.data
    assert not np.asarray(x).flags.writeable and np.array(x).flags.writeable
    assert np.asarray(x, dtype=np.float32).dtype == np.float32
    assert np.asarray(x, copy=False).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="copy=False"):
        np.asarray(x, dtype=np.float32, copy=False)
    for device in tnp.__array_namespace_info__().devices()[1:]:
        there = tw.ones(2, "float32", device=device)
        assert np.asarray(there).tolist() == [1, 1]
        with pytest.raises(ValueError, match="copy=False"):
            np.asarray(there, copy=False)


def test_what_is_exported_keeps_its_values() -> None:
    x = tw.arange(4)
    held = memoryview(x)
    x[0] = 9
    x += 1
    assert held.tolist() == [0, 1, 2, 3] and x.tolist() == [10, 2, 3, 4]
    with pytest.raises(TypeError, match="read-only"):
        held[0] = 5


def test_membership() -> None:
    x = tw.asarray([[1.0, np.nan], [2.0, 3.0]])
    assert 2 in x and 5 not in x and np.nan not in x
    assert tw.asarray([2.0, 3.0]) in x
    with pytest.raises(tw.TraceError):
        tw.jit(lambda v: 2 in v)(x)
