"""The tape: `.grad`, `backward`, `grad` of `grad`, writes, and errors."""

from __future__ import annotations

import numpy as np
import pytest

import tilewright as tw


def leaf(values: object, dtype: str = "float64") -> tw.Array:
    return tw.array(values, dtype=dtype).requires_grad_()


def test_backward_adds_to_the_gradient_of_leaves() -> None:
    x = leaf([1.0, 2.0, 3.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]
    (x * x).sum().backward()
    assert x.grad.tolist() == [4.0, 8.0, 12.0]


def test_a_value_used_twice_gets_both_contributions() -> None:
    x = leaf(3.0)
    y = x * x
    (y * y + y).backward()
    assert x.grad.item() == pytest.approx(4 * 27 + 6)


def test_no_grad_and_detach_record_nothing() -> None:
    x = leaf([1.0, 2.0])
    with tw.no_grad():
        assert not (x * 2).requires_grad
    assert not (x.detach() * 2).requires_grad
    (x * x.detach()).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_grad_of_grad() -> None:
    def f(x: tw.Array) -> tw.Array:
        return tw.sin(x) * x

    x = 0.7
    first = np.cos(x) * x + np.sin(x)
    second = -np.sin(x) * x + 2 * np.cos(x)
    third = -np.cos(x) * x - 3 * np.sin(x)
    assert tw.grad(f)(tw.array(x)).item() == pytest.approx(first, rel=1e-12)
    assert tw.grad(tw.grad(f))(tw.array(x)).item() == pytest.approx(second, rel=1e-12)
    assert tw.grad(tw.grad(tw.grad(f)))(tw.array(x)).item() == pytest.approx(third, rel=1e-12)


def test_grad_with_respect_to_what_a_closure_holds() -> None:
    def outer(y: tw.Array) -> tw.Array:
        return tw.grad(lambda x: x * x * y)(tw.array(3.0))  # 2 * 3 * y

    assert tw.grad(outer)(tw.array(5.0)).item() == 6.0


def test_value_and_grad_of_a_pytree_with_aux() -> None:
    def f(params: dict[str, tw.Array], scale: float) -> tuple[tw.Array, str]:
        return (params["a"] * params["b"]).sum() * scale, "aux"

    params = {"a": tw.array([1.0, 2.0]), "b": tw.array([3.0, 4.0])}
    (value, aux), grads = tw.value_and_grad(f, has_aux=True)(params, 2.0)
    assert value.item() == 22.0 and aux == "aux"
    assert grads["a"].tolist() == [6.0, 8.0]
    assert grads["b"].tolist() == [2.0, 4.0]


def test_the_result_of_a_transform_holds_no_tape() -> None:
    value, gradient = tw.value_and_grad(lambda x: (x * x).sum())(tw.array([1.0]))
    assert not value.requires_grad and not gradient.requires_grad


def test_the_gradient_does_not_see_later_writes() -> None:
    x = leaf([1.0, 2.0])
    y = x * 1.0
    z = (y * y).sum()
    with tw.no_grad():
        y[...] = 100.0
    z.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_a_recorded_write_through_a_view_is_differentiated() -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x * 2.0
    y[1] = x[0] * x[2]
    y.sum().backward()
    assert x.grad.tolist() == [2.0 + 3.0, 0.0, 2.0 + 1.0]


def test_a_leaf_is_written_under_no_grad_only() -> None:
    x = leaf([1.0])
    with pytest.raises(tw.GradientError, match="under tw.no_grad"):
        x += 1.0
    with tw.no_grad():
        x += 1.0
    (x * x).sum().backward()
    assert x.grad.tolist() == [4.0]


def test_errors_say_what_was_wrong() -> None:
    with pytest.raises(tw.GradientError, match="requires_grad"):
        tw.array(1.0).backward()
    with pytest.raises(tw.GradientError, match="scalar"):
        (leaf([1.0, 2.0]) * 2).backward()
    with pytest.raises(tw.GradientError, match="float"):
        tw.grad(lambda x: x.sum())(tw.array([1, 2]))
    with pytest.raises(tw.GradientError, match="scalar"):
        tw.grad(lambda x: x)(tw.array([1.0, 2.0]))


def test_gradient_through_views() -> None:
    x = leaf(np.arange(6.0).reshape(2, 3))
    row = x[1]
    (row * row).sum().backward()
    assert x.grad.tolist() == [[0.0, 0.0, 0.0], [6.0, 8.0, 10.0]]
    y = leaf(np.arange(6.0).reshape(2, 3))
    (y.T.reshape(6)[::2] * 2.0).sum().backward()
    assert y.grad.sum().item() == 6.0


def test_a_broadcast_operand_gets_the_sum() -> None:
    x, b = leaf(np.ones((4, 3))), leaf([1.0, 2.0, 3.0])
    ((x + b) * b).sum().backward()
    assert b.grad.tolist() == [4 * (1 + 2 * v) for v in (1.0, 2.0, 3.0)]


def test_the_gradient_of_a_view() -> None:
    """A result that is a view has its value's gradient."""
    x = tw.array([3.0, 1.0, 2.0])
    assert tw.grad(lambda v: (v * 2)[:1].reshape(()))(x).tolist() == [2.0, 0.0, 0.0]
    assert tw.jit(tw.grad(lambda v: (v * 2)[:1].reshape(())))(x).tolist() == [2.0, 0.0, 0.0]
    leaf = tw.array([3.0, 1.0, 2.0]).requires_grad_()
    (leaf * 2)[1:2].reshape(()).backward()
    assert leaf.grad.tolist() == [0.0, 2.0, 0.0]
