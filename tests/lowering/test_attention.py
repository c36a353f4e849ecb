"""Kernels of attention against float64, around the edges of their tiles, within their bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ulp_support import unit, widened

import tilewright as tw
from tilewright.dsl.dtypes import dtype as dtype_of
from tilewright.dsl.graph import Aval, Graph, Node, Var
from tilewright.dsl.primitive import REGISTRY, Attend
from tilewright.lowering.attention import AS_PRODUCTS, without_unread_sums
from tilewright.lowering.reference import Reference
from tilewright.lowering.rewrites import RULES, rewrite
from tilewright.lowering.schedules.attention_blocks import ROWS
from tilewright.lowering.schedules.attention_tiles import KEYS

attention, gradient = REGISTRY["attention"], REGISTRY["attention_gradient"]
EDGES = (0, 1, 2, 7, 15, 16, 17, ROWS - 1, ROWS, ROWS + 1, KEYS - 1, KEYS, KEYS + 1, 2 * KEYS + 1)


def operands(shape: tuple[int, ...], n_keys: int, width: int, kind: str, seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    keys = (*shape[:2], n_keys)
    shapes = shape, (*keys, shape[-1]), (*keys, width)
    return [rng.normal(size=s).astype(dtype_of(kind).dtype) for s in shapes]


def check(arrays: list[Any], found: Any, **params: Any) -> None:
    kind = dtype_of(arrays[0].dtype)
    with np.errstate(all="ignore"):
        exact = attention.reference(*map(widened, arrays), **params)
        scale = attention.scale(*map(widened, arrays), **params)
        allowed = attention.ulp[kind.name] * unit(found.dtype, scale)
    host = found.numpy().astype(np.float64)
    assert host.shape == exact.shape
    same = (host == exact) | (np.isnan(host) & np.isnan(exact))
    assert (same | (np.abs(host - exact) <= allowed)).all()


def call(arrays: list[Any], **given_params: Any) -> None:
    """Eagerly: one program for all sizes, so that examples cost no compiling."""
    params = {"sums": False, "scale": 0.25, "causal": "", "extras": (), **given_params}
    check(arrays, attention(*map(tw.asarray, arrays), **params), **params)


def slopes(arrays: list[Any], **given_params: Any) -> tuple[list[Any], dict[str, Any]]:
    """The inputs of the gradient of an attention, and its parameters."""
    params = {"scale": 0.25, "causal": "", "extras": (), **given_params}
    with np.errstate(all="ignore"):
        out = attention.reference(*map(widened, arrays), sums=True, **params)
    ct = np.random.default_rng(0).normal(size=out.shape)
    wide = np.promote_types(arrays[0].dtype, np.float32)
    return [ct.astype(wide), out.astype(wide), *arrays], params


def check_slopes(given: list[Any], found: Any, **params: Any) -> None:
    wide = list(map(widened, given))
    exact, scale = gradient.reference(*wide, **params), gradient.scale(*wide, **params)
    allowed = gradient.ulp["float32"] * unit(found.dtype, scale)
    assert (np.abs(found.numpy().astype(np.float64) - exact) <= allowed).all()


SIZES = st.sampled_from(EDGES)


@settings(max_examples=60, deadline=None)
@given(SIZES.filter(lambda n: n != 1), SIZES, st.sampled_from(["", "start", "end"]), st.integers(0))
def test_all_lengths(n_queries: int, n_keys: int, causal: str, seed: int) -> None:
    arrays = operands((1, 2, 1, n_queries, 9), n_keys, 5, "float32", seed)
    call(arrays, causal=causal, sums=True)


@settings(max_examples=25, deadline=None)
@given(SIZES.filter(lambda n: n != 1), SIZES, st.sampled_from(["", "start"]), st.integers(0))
def test_gradients_of_all_lengths(n_queries: int, n_keys: int, causal: str, seed: int) -> None:
    arrays = operands((1, 2, 1, n_queries, 9), n_keys, 5, "float32", seed)
    given, params = slopes(arrays, causal=causal)
    check_slopes(given, gradient(*map(tw.asarray, given), **params), **params)


@pytest.mark.parametrize(("shape", "extras"), [((2, 2, 3, 1, 8), ("length",)),
                                               ((1, 2, 2, 70, 64), ("mask",))])  # fmt: skip
def test_gradients_of_heads_that_share_keys(shape: Any, extras: tuple[str, ...]) -> None:
    arrays = operands(shape, 100, 80, "float32", 5)
    arrays.append(np.array([20, 100]) if extras == ("length",) else np.arange(100) % 3 > 0)
    arrays[-1] = arrays[-1] if extras == ("length",) else arrays[-1].reshape(1, 1, 1, 1, 100)
    given, params = slopes(arrays, causal="end", extras=extras)
    staged = tw.jit(lambda *xs: gradient(*xs, **params))
    check_slopes(given, staged(*map(tw.asarray, given)), **params)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_types_are_computed_in_float32(kind: str) -> None:
    arrays = operands((1, 2, 1, 20, 8), 70, 6, kind, 0)
    params = {"sums": False, "scale": 0.25, "causal": "start", "extras": ()}
    staged = tw.jit(lambda *xs: attention(*xs, **params))
    check(arrays, staged(*map(tw.asarray, arrays)), **params)


@pytest.mark.parametrize("primitive", [attention, gradient], ids=str)
def test_devices_without_a_schedule_compute_by_products(primitive: Any) -> None:
    for sample in primitive.samples(tw.float32):
        avals = [Aval(x.shape, dtype_of(x.dtype)) for x in sample.inputs]
        inputs, params = tuple(map(Var, avals)), dict(sample.params)
        out = Var(primitive.infer(*avals, **params))
        graph = Graph(inputs, (out,), (Node(primitive, inputs, params, (out,)),))
        made = rewrite(graph, (*RULES, *AS_PRODUCTS))
        assert not any(isinstance(n.primitive.lower, Attend) for n in made.nodes)
        (found,) = Reference().run(made, [np.asarray(x) for x in sample.inputs])
        wanted = primitive.reference(*map(widened, sample.inputs), **params)
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 6), st.integers(0, 700), st.integers(0))
def test_one_query_of_some_heads(groups: int, n_keys: int, seed: int) -> None:
    arrays = operands((2, 2, groups, 1, 33), n_keys, 20, "float32", seed)
    arrays.append(np.random.default_rng(seed).integers(0, n_keys + 1, 2))
    call(arrays, causal="end", sums=True, extras=("length",))


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 70), st.integers(1, 90), st.integers(0))
def test_masks_hide_or_add(n_queries: int, n_keys: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    arrays = operands((2, 1, 2, n_queries, 3), n_keys, 2, "float64", seed)
    call([*arrays, rng.random((2, 1, 2, n_queries, n_keys)) < 0.3], extras=("mask",))
    call([*arrays, rng.normal(size=(1, 1, 1, 1, n_keys))], extras=("mask",))


@pytest.mark.parametrize("n_queries", [64, 2 * ROWS + 5, 1])
@pytest.mark.parametrize("width", [64, 80, 5])
def test_sizes_that_are_known(n_queries: int, width: int) -> None:
    arrays = operands((2, 4, 1, n_queries, 64), 300, width, "float32", width)
    params = {"sums": False, "scale": 0.125, "causal": "", "extras": ()}
    staged = tw.jit(lambda *given: attention(*given, **params))
    check(arrays, staged(*map(tw.asarray, arrays)), **params)


def test_operands_that_are_transposed_in_the_kernel() -> None:
    arrays = operands((2, 3, 1, 20, 8), 30, 6, "float32", 0)
    params = {"sums": False, "scale": 1.0, "causal": "start", "extras": ()}

    @tw.jit
    def from_projections(q: Any, k: Any, v: Any) -> Any:  # (B, L, H, E)
        q = tw.reshape(tw.moveaxis(q, 1, 2), (2, 3, 1, 20, 8))
        return attention(q, tw.moveaxis(k, 1, 2), tw.moveaxis(v, 1, 2), **params)

    q, k, v = arrays[0][:, :, 0], *arrays[1:]
    given = [tw.asarray(np.ascontiguousarray(np.moveaxis(x, 1, 2))) for x in (q, k, v)]
    check(arrays, from_projections(*given), **params)
    assert from_projections.ir(*given).count(" writes ") == 1  # no transpose is stored


def test_infinities_and_nan_are_those_of_the_softmax() -> None:
    arrays = operands((1, 1, 1, 4, 2), 70, 3, "float32", 0)
    arrays[0][0, 0, 0, 1, 0] = np.nan  # the scores of one query
    arrays[2][0, 0, 3, 1] = np.inf  # a value
    found = attention(*map(tw.asarray, arrays), sums=False, scale=1.0, causal="", extras=())
    host = found.numpy()[0, 0, 0]
    assert np.isnan(host[1]).all()
    assert (host[[0, 2, 3], 1] == np.inf).all()
    assert np.isfinite(host[[0, 2, 3]][:, [0, 2]]).all()


def test_large_scores_do_not_overflow() -> None:
    arrays = operands((1, 1, 1, 50, 4), 100, 3, "float32", 1)
    arrays[0] *= 1e4
    call(arrays)
    call(arrays, sums=True)


def test_bits_do_not_depend_on_threads_or_on_the_other_queries() -> None:
    q, k, v = map(tw.asarray, operands((1, 4, 1, 150, 16), 200, 16, "float32", 2))
    params = {"sums": True, "scale": 1.0, "causal": "", "extras": ()}
    with tw.config(reproducible=True):
        whole = attention(q, k, v, **params).numpy()
        before = tw.get_num_threads()
        try:
            tw.set_num_threads(1)
            again = attention(q, k, v, **params).numpy()
        finally:
            tw.set_num_threads(before)
        few = attention(q[:, :, :, 100:131].copy(), k, v, **params).numpy()
    np.testing.assert_array_equal(whole, again)
    np.testing.assert_array_equal(whole[:, :, :, 100:131], few)


def test_sums_that_nobody_reads_are_not_made() -> None:
    x = tw.asarray(np.ones((1, 2, 3, 4), np.float32))
    weight = tw.nn.Parameter(np.ones(4, np.float32))

    @tw.jit
    def forward(x: Any) -> Any:
        q = x * weight
        return tw.nn.functional.scaled_dot_product_attention(q, q, q)

    assert "sums=True" in forward.ir(x, stage="graph")
    assert "sums=True" not in forward.ir(x, stage="kernels")
    np.testing.assert_allclose(forward(x).numpy(), 1.0, rtol=1e-6)


def test_sums_that_are_read_stay() -> None:
    q, k = Var(Aval((1, 1, 1, 2, 3), tw.float32)), Var(Aval((1, 1, 4, 3), tw.float32))
    params = {"sums": True, "scale": 1.0, "causal": "", "extras": ()}
    out = Var(attention.infer(q.aval, k.aval, k.aval, **params))
    graph = Graph((q, k), (out,), (Node(attention, (q, k, k), params, (out,)),))
    assert without_unread_sums(graph).nodes == graph.nodes
