"""Module: what is found in it, its state, its modes."""

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn


class Block(nn.Module):
    def __init__(self):
        self.first = nn.Linear(3, 4)
        self.rest = [nn.Linear(4, 4), {"last": nn.Linear(4, 2, bias=False)}]
        self.scale = nn.Parameter([2.0], dtype="float32")
        self.mean = tw.zeros((2,), dtype="float32")  # a buffer
        self.name = "block"

    def forward(self, x):
        x = self.rest[1]["last"](self.rest[0](self.first(x)))
        return x * self.scale + self.mean


NAMES = [
    "first.weight", "first.bias", "rest.0.weight", "rest.0.bias", "rest.1.last.weight", "scale",
]  # fmt: skip


def test_finds_parameters_through_attributes_lists_and_dicts():
    block = Block()
    assert [name for name, _ in block.named_parameters()] == NAMES
    assert [name for name, _ in block.named_buffers()] == ["mean"]
    assert len(list(block.parameters())) == len(NAMES)
    assert [name for name, _ in block.named_modules()] == ["", "first", "rest.0", "rest.1.last"]
    assert block(tw.ones((5, 3), dtype="float32")).shape == (5, 2)


def test_shared_parameter_is_trained_once_and_saved_under_each_name():
    first, second = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    second.weight = first.weight
    model = nn.Sequential(first, second)
    assert [name for name, _ in model.named_parameters()] == ["0.weight"]
    assert list(model.state_dict()) == ["0.weight", "1.weight"]


def test_reference_to_a_parent_is_no_submodule():
    child = nn.Linear(2, 2)
    parent = nn.Sequential(child)
    child.parent = parent
    assert [name for name, _ in parent.named_parameters()] == ["0.weight", "0.bias"]
    parent.eval()
    assert not child.training


def test_state_dict_is_a_snapshot_and_loads_back():
    block, other = Block(), Block()
    saved = block.state_dict()
    before = {name: value.numpy().copy() for name, value in saved.items()}
    with tw.no_grad():
        for p in block.parameters():
            p += 1
    for name, value in saved.items():
        assert np.array_equal(value.numpy(), before[name])
    other.load_state_dict(saved)
    x = tw.ones((1, 3), dtype="float32")
    block.load_state_dict(dict(before))  # NumPy's too
    assert np.array_equal(block(x).numpy(), other(x).numpy())
    assert all(p.requires_grad for p in block.parameters())


def test_load_names_what_is_missing_and_unexpected():
    block = Block()
    state = block.state_dict()
    del state["scale"]
    state["extra"] = tw.zeros(1)
    with pytest.raises(tw.ArtifactError, match="Block: missing scale; unexpected extra"):
        block.load_state_dict(state)
    block.load_state_dict(state, strict=False)


@pytest.mark.parametrize("strict", [True, False])
def test_load_refuses_wrong_shapes_and_dtypes_and_changes_nothing(strict):
    block = Block()
    before = {name: value.numpy() for name, value in block.state_dict().items()}
    state = {name: np.ones_like(value) for name, value in before.items()}
    with pytest.raises(tw.ShapeError, match=r"scale: got \(2,\), it is \(1,\)"):
        block.load_state_dict(state | {"scale": np.ones(2, np.float32)}, strict=strict)
    with pytest.raises(tw.DTypeError, match="mean: got float64, it is float32"):
        block.load_state_dict(state | {"mean": np.ones(2)}, strict=strict)
    for name, value in block.state_dict().items():
        assert np.array_equal(value.numpy(), before[name])


def test_zero_grad_empties_the_slots():
    block = Block()
    block(tw.ones((1, 3), dtype="float32")).sum().backward()
    assert all(p.grad is not None for p in block.parameters())
    block.zero_grad()
    assert all(p.grad is None for p in block.parameters())


def test_train_and_eval_reach_all_modules():
    model = nn.Sequential(nn.Dropout(), nn.Sequential(nn.Dropout()))
    assert model.training
    assert model.eval() is model
    assert not any(m.training for _, m in model.named_modules())
    assert all(m.training for _, m in model.train().named_modules())


def test_repr_shows_the_nesting():
    model = nn.Sequential(nn.Linear(2, 3, bias=False), nn.Sequential(nn.Dropout(0.25)))
    inner = "  1: Sequential(\n    0: Dropout(p=0.25)\n  )"
    assert repr(model) == f"Sequential(\n  0: Linear(2, 3, bias=False)\n{inner}\n)"
    assert "rest.1.last: Linear(4, 2, bias=False)" in repr(Block())


def test_sequential_is_a_sequence_and_refuses_what_cannot_be_called():
    model = nn.Sequential(nn.ReLU(), nn.Tanh())
    assert len(model) == 2
    assert isinstance(model[1], nn.Tanh)
    with pytest.raises(TypeError, match="item 1 is int"):
        nn.Sequential(nn.ReLU(), 3)


def test_a_module_without_forward_says_so():
    with pytest.raises(NotImplementedError, match="Module defines no forward"):
        nn.Module()(1)


def test_a_changed_mode_makes_the_staged_program_anew():
    model = nn.Sequential(nn.Dropout(0.5))
    f = tw.jit(lambda x: model(x))
    x = tw.ones((1000,), dtype="float32")
    assert (f(x).numpy() == 0).any()
    model.eval()
    assert (f(x).numpy() == 1).all()
    model.train()
    assert (f(x).numpy() == 0).any()


def test_a_mode_changed_inside_a_staged_function_is_refused():
    model = nn.Sequential(nn.Dropout(0.5))

    def f(x):
        return model.eval()(x)

    with pytest.raises(tw.TraceError, match="_training"):
        tw.jit(f)(tw.ones((3,), dtype="float32"))
