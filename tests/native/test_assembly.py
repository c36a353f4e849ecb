"""Arrays put together, and routines with their sizes, against NumPy on random windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from native_support import I64, array, native, numpy

NAMES = ("bool", "int16", "float32", "float64", "complex128")


def window_of(host: np.ndarray[Any, Any], steps: list[int], turned: bool) -> Any:
    """A cell whose elements are those of `host`, as a window on another: steps and axes."""
    whole = np.zeros([n * abs(s) for n, s in zip(host.shape, steps, strict=True)], host.dtype)
    whole[(*(slice(None, None, s) for s in steps), ...)] = host
    base = np.ascontiguousarray(whole.T) if turned else whole
    seen = base.T if turned else base
    seen = seen[(*(slice(None, None, s) for s in steps), ...)]
    start = seen.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    strides = tuple(s // base.itemsize for s in seen.strides)
    return native.view(array(base), seen.shape, strides, start // base.itemsize, None)


def filled(shape: tuple[int, ...], name: str, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 100, shape).astype(name)


layouts = st.tuples(st.lists(st.sampled_from([1, 2, -1]), min_size=3, max_size=3), st.booleans())


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 4), layouts), min_size=1, max_size=6),
    st.integers(0, 2),
    st.sampled_from(NAMES),
)
def test_joining(shape: list[int], parts: list[Any], axis: int, name: str) -> None:
    axis %= len(shape)
    hosts, cells = [], []
    for i, (size, (steps, turned)) in enumerate(parts):
        host = filled((*shape[:axis], size, *shape[axis + 1 :]), name, i)
        hosts.append(host)
        cells.append(window_of(host, steps[: len(shape)], turned))
    made = native.Assembly("concatenate", ((axis,),))(*cells)
    assert np.array_equal(numpy(made), np.concatenate(hosts, axis))


@given(
    st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=3),
    layouts,
    st.sampled_from(NAMES),
)
def test_padding(axes: list[tuple[int, int, int]], layout: Any, name: str) -> None:
    low, sizes, high = (tuple(a[i] for a in axes) for i in range(3))
    host = filled(sizes, name)
    x = window_of(host, layout[0][: len(axes)], layout[1])
    value = np.array(7).astype(name)
    made = native.Assembly("pad", (low, high))(x, array(value))
    wanted = np.pad(host, list(zip(low, high, strict=True)), constant_values=value)
    assert np.array_equal(numpy(made), wanted)


@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 5), st.integers(1, 3), st.booleans()),
             min_size=1, max_size=3),
    layouts,
    st.sampled_from(NAMES),
)  # fmt: skip
def test_replacing_a_window(axes: list[Any], layout: Any, name: str) -> None:
    shape = tuple(a[0] for a in axes)
    windows = [slice(a[1] % a[0], None, a[2]) for a in axes]
    windows = [slice(w.start, None, -w.step) if a[3] else w
               for w, a in zip(windows, axes, strict=True)]  # fmt: skip
    wanted = filled(shape, name)
    x = window_of(wanted, layout[0][: len(axes)], layout[1])
    update = filled(wanted[tuple(windows)].shape, name, 1)
    start, steps = tuple(w.start for w in windows), tuple(w.step for w in windows)
    made = native.Assembly("update_slice", (start, steps))(x, array(update))
    before = wanted.copy()
    wanted[tuple(windows)] = update
    assert np.array_equal(numpy(made), wanted)
    assert np.array_equal(numpy(native.alias(x)), before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", [0, 1])
def test_large_ones_are_shared_by_threads(name: str, axis: int) -> None:
    hosts = [filled(s, name) for s in ((700, 900), (700, 900), (700, 900))]
    cells = [array(hosts[0]), window_of(hosts[1], [1, 1], True), window_of(hosts[2], [2, -1], True)]
    made = native.Assembly("concatenate", ((axis,),))(*cells)
    assert np.array_equal(numpy(made), np.concatenate(hosts, axis))
    padded = native.Assembly("pad", ((3, 2), (1, 0)))(cells[1], array(np.array(1).astype(name)))
    wanted = np.pad(hosts[1], [(3, 1), (2, 0)], constant_values=np.array(1).astype(name))
    assert np.array_equal(numpy(padded), wanted)


def test_nothing_is_put_around_what_has_no_axes() -> None:
    one = array(np.array(3.0, "f4"))
    assert numpy(native.Assembly("pad", ((), ()))(one, one)) == 3


def test_what_does_not_fit_is_refused() -> None:
    join = native.Assembly("concatenate", ((1,),))
    x, y = array(np.zeros((2, 3), "f4")), array(np.zeros((3, 3), "f4"))
    with pytest.raises(ValueError, match="at least one"):
        join()
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(3, 3\)"):
        join(x, y)
    with pytest.raises(TypeError, match="float32 and float64"):
        join(x, array(np.zeros((2, 3))))
    with pytest.raises(ValueError, match="takes 2 axes"):
        join(x, array(np.zeros(3, "f4")))
    with pytest.raises(ValueError, match="axis 1 of 1"):
        join(array(np.zeros(3, "f4")))
    with pytest.raises(TypeError):
        join(x, 3)
    with pytest.raises(TypeError, match="without names"):
        join(x, other=x)
    one = array(np.zeros((), "f4"))
    wide = native.view(one, (2**40, 1), (0, 1), 0, None)
    with pytest.raises(MemoryError, match="could not allocate"):
        native.Assembly("pad", ((2**41, 0), (0, 0)))(wide, one)
    with pytest.raises(ValueError, match=r"over 2\*\*63"):
        native.Assembly("pad", ((2**63 - 1, 0), (0, 0)))(wide, one)
    update = native.Assembly("update_slice", ((1, 1), (1, 1)))
    with pytest.raises(ValueError, match="axis 0 of size 2; the window does not fit"):
        update(x, x)


@pytest.mark.parametrize(
    ("kind", "ints"),
    [
        ("concatenate", ()),
        ("concatenate", ((1, 2),)),
        ("concatenate", ((-1,),)),
        ("pad", ((1,),)),
        ("pad", ((1,), (-1,))),
        ("pad", ((1,), (1, 1))),
        ("stack", ((1,),)),
    ],
)
def test_assemblies_that_are_none(kind: str, ints: Any) -> None:
    with pytest.raises(ValueError, match="Assembly"):
        native.Assembly(kind, ints)


def test_routines_with_their_sizes() -> None:
    x, places = filled((3, 5), "f4"), np.array([4, -5, 0])
    take = native.Routine("take", (3, 3), array(x)._code, (4, 3, 5, 1, 3))
    window = window_of(x, [2, -1], True)
    assert np.array_equal(numpy(take(window, array(places))), x[:, places])
    with pytest.raises(IndexError, match="index 5 is out of range for an axis of size 5"):
        take(window, array(np.array([0, 5, 9])))
    with pytest.raises(IndexError, match="index -6"):
        take(window, array(np.array([0, 4, -6])))
    with pytest.raises(ValueError, match="it takes 2"):
        take(window)
    with pytest.raises(TypeError, match="without names"):
        take(window, at=window)
    with pytest.raises(ValueError, match="got an array of 16 bytes; its sizes ask for 24"):
        take(window, array(places[:2]))
    with pytest.raises(ValueError, match="it takes 5"):
        native.Routine("take", (3,), I64, (4,))
    with pytest.raises(ValueError, match="no routine"):
        native.Routine("no routine", (3,), I64, ())
