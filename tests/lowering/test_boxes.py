"""Joined, padded and overwritten arrays: each box of the space reads one source."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from graph_support import Build, engine, run
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw
from tilewright.dsl.graph import Graph
from tilewright.dsl.sizes import symbol
from tilewright.lowering.fusion import Group
from tilewright.lowering.pipeline import kernel_groups
from tilewright.lowering.schedules.boxes import MOST_BOXES, boxes_of

Array = np.ndarray[Any, Any]


def only_group(graph: Graph) -> Group:
    (group,) = kernel_groups(graph)
    return group


def numbers(*shape: int) -> Array:
    return np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape) / 8


def test_joined_parts_have_a_box_each() -> None:
    b = Build()
    parts = [b.input((3, n)) for n in (4, 0, 5)]
    boxes = boxes_of(only_group(b.graph(b("concatenate", *parts, axis=1))))
    assert [(x.start, x.sizes) for x in boxes] == [((0, 0), (3, 4)), ((0, 4), (3, 5))]
    assert [p.source for x in boxes for p in x.picks.values()] == [0, 2]


def test_what_is_outside_along_one_axis_is_not_cut_along_the_next() -> None:
    b = Build()
    padded = b("pad", b.input((4, 5)), low=(1, 2), high=(1, 2), value=0)
    boxes = boxes_of(only_group(b.graph(padded)))
    assert [x.sizes for x in boxes] == [(1, 9), (4, 2), (4, 5), (4, 2), (1, 9)]
    assert [p.source for x in boxes for p in x.picks.values()] == [None, None, 0, None, None]


def test_too_many_boxes_are_not_made() -> None:
    b = Build()
    parts = [b.input((1,)) for _ in range(MOST_BOXES + 1)]
    assert boxes_of(only_group(b.graph(b("concatenate", *parts, axis=0)))) == ()


def test_a_turned_join_is_chosen_element_by_element() -> None:
    b = Build()
    parts = [b.input((4, n)) for n in (3, 5)]
    turned = b("transpose", b("concatenate", *parts, axis=1), axes=(1, 0))
    graph = b.graph(b("tanh", turned))
    assert boxes_of(only_group(graph)) == ()
    given = [numbers(4, 3), numbers(4, 5)]
    np.testing.assert_allclose(run(graph, *given)[0], np.tanh(np.concatenate(given, 1).T), 1e-6)


def test_edges_of_unknown_sizes() -> None:
    b = Build()
    n, m = symbol("n"), symbol("m")
    x, y = b.input((n, 6)), b.input((m, 6))
    joined = b("concatenate", x, y, axis=0)
    padded = b("pad", joined, low=(0, 1), high=(0, 0), value=3)
    graph = b.graph(joined, padded)
    for sizes in ((0, 0), (1, 0), (5, 700), (1300, 3)):
        given = [numbers(k, 6) for k in sizes]
        whole = np.concatenate(given)
        got = run(graph, *given)
        np.testing.assert_array_equal(got[0], whole)
        np.testing.assert_array_equal(got[1], np.pad(whole, ((0, 0), (1, 0)), constant_values=3))


def test_a_join_is_copied_by_vectors() -> None:
    """Nothing is left of the choice: no comparison, no gather."""
    b = Build()
    text = engine().stage(
        b.graph(b("concatenate", b.input((3, 64)), b.input((3, 128)), axis=1)), "tir"
    )
    assert "Select" not in text and "if_then_else" not in text


# One size a vector, and around it; 4096 elements are a block.
LENGTHS = st.sampled_from([0, 1, 2, 15, 16, 17, 33, 257, 1031])


@settings(max_examples=12)
@given(
    rows=st.sampled_from([1, 3, 17]),
    lengths=st.lists(LENGTHS, min_size=1, max_size=4),
    axis=st.sampled_from([0, 1]),
    dtype=st.sampled_from(["float32", "float64", "int8", "complex64", "float16"]),
)
def test_joins(rows: int, lengths: list[int], axis: int, dtype: str) -> None:
    shapes = [(rows, n) if axis else (n, rows) for n in lengths]
    parts = [numbers(*s).astype(dtype) for s in shapes]
    staged = tw.jit(lambda *xs: -tw.concatenate(xs, axis))
    expected = -np.concatenate(parts, axis)
    np.testing.assert_array_equal(staged(*map(tw.asarray, parts)).numpy(), expected)


@settings(max_examples=12)
@given(
    shape=st.tuples(st.sampled_from([1, 2, 19]), LENGTHS, st.sampled_from([1, 5, 64])),
    widths=st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 20))] * 3),
)
def test_pads(shape: tuple[int, ...], widths: tuple[tuple[int, int], ...]) -> None:
    x = numbers(*shape)
    found = tw.jit(lambda x: tw.pad(x, widths, constant_values=2) * 2)(tw.asarray(x))
    np.testing.assert_array_equal(found.numpy(), np.pad(x, widths, constant_values=2) * 2)


@pytest.mark.parametrize("step", [1, 2, -1])
@pytest.mark.parametrize(
    ("start", "size"), [((0, 0), (3, 40)), ((2, 7), (5, 30)), ((6, 39), (1, 1))]
)
def test_windows(start: tuple[int, int], size: tuple[int, int], step: int) -> None:
    x, window = numbers(7, 40), -numbers(*size)

    def written(x: Any, window: Any) -> Any:
        out = x.copy()
        rows = slice(start[0], start[0] + size[0])
        columns = slice(start[1], start[1] + size[1])
        out[rows, columns][:, ::step] = window[:, ::step]
        return out

    found = tw.jit(written)(tw.asarray(x), tw.asarray(window))
    np.testing.assert_array_equal(found.numpy(), written(x, window))


def test_two_nodes_of_one_kernel_cut_the_same_axis() -> None:
    b = Build()
    parts = [b.input((n,)) for n in (30, 70, 50, 50)]
    first = b("concatenate", *parts[:2], axis=0)
    second = b("concatenate", *parts[2:], axis=0)
    graph = b.graph(b("mul", first, second))
    boxes = boxes_of(only_group(graph))
    assert [x.start for x in boxes] == [(0,), (30,), (50,)]
    given = [numbers(n) for n in (30, 70, 50, 50)]
    expected = np.concatenate(given[:2]) * np.concatenate(given[2:])
    np.testing.assert_array_equal(run(graph, *given)[0], expected)
