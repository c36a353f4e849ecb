"""Optimisers against their formulas in NumPy (float64) and PyTorch; eager equals staged."""

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn

STEPS = 12


def sgd(x, g, state, t, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    g = g + weight_decay * x
    buffer = state["m"] = g if t == 1 else momentum * state["m"] + g
    if momentum:
        g = g + momentum * buffer if nesterov else buffer
    return x - lr * g


def adam(x, g, state, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=False):
    if decoupled:
        x = x - lr * weight_decay * x
    else:
        g = g + weight_decay * x
    m = state["m"] = betas[0] * state.get("m", 0.0) + (1 - betas[0]) * g
    v = state["v"] = betas[1] * state.get("v", 0.0) + (1 - betas[1]) * g * g
    m_hat, v_hat = m / (1 - betas[0] ** t), v / (1 - betas[1] ** t)
    return x - lr * m_hat / (np.sqrt(v_hat) + eps)


def adamw(*args, **options):
    return adam(*args, **{"weight_decay": 0.01} | options, decoupled=True)


CASES = [
    (nn.SGD, sgd, {"lr": 0.1}),
    (nn.SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    (nn.SGD, sgd, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.05}),
    (nn.Adam, adam, {"lr": 0.05}),
    (nn.Adam, adam, {"lr": 0.05, "betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    (nn.Adam, adam, {"lr": 0.05, "betas": (0.0, 0.99)}),
    (nn.AdamW, adamw, {"lr": 0.05}),
    (nn.AdamW, adamw, {"lr": 0.05, "weight_decay": 0.3}),
]
IDS = [f"{kind.__name__}-{i}" for i, (kind, _, _) in enumerate(CASES)]


def problem(rng):
    """Two parameters and a loss whose gradient is known: sum(c * (p - 1)^2)."""
    start = [rng.standard_normal(s).astype(np.float32) for s in ((3, 5), (7,))]
    scale = [rng.uniform(0.5, 2, p.shape).astype(np.float32) for p in start]
    return start, scale


def loss_of(parameters, scale):
    parts = [(s * (p - 1) ** 2).sum() for p, s in zip(parameters, scale, strict=True)]
    return parts[0] + parts[1]


def train(kind, options, start, scale, staged, steps=STEPS):
    parameters = [nn.Parameter(p) for p in start]
    constants = [tw.asarray(s) for s in scale]
    optimizer = kind(parameters, **options)

    def step():
        optimizer.zero_grad()
        loss = loss_of(parameters, constants)
        loss.backward()
        optimizer.step()
        return loss.detach()

    run = tw.jit(step) if staged else step
    losses = [run().item() for _ in range(steps)]
    return parameters, optimizer, losses


@pytest.mark.parametrize("staged", [False, True], ids=["eager", "staged"])
@pytest.mark.parametrize(("kind", "formula", "options"), CASES, ids=IDS)
def test_against_the_formula(kind, formula, options, staged, rng):
    start, scale = problem(rng)
    parameters, optimizer, losses = train(kind, options, start, scale, staged)
    for p, x, c in zip(parameters, start, scale, strict=True):
        x, state = x.astype(np.float64), {}
        for t in range(1, STEPS + 1):
            x = formula(x, 2 * c * (x - 1), state, t, **options)
        np.testing.assert_allclose(p.numpy(), x, rtol=2e-5, atol=2e-5)
    assert optimizer.step_count.item() == STEPS
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(("kind", "formula", "options"), CASES, ids=IDS)
def test_against_pytorch(kind, formula, options, torch, rng):
    start, scale = problem(rng)
    parameters, _, _ = train(kind, options, start, scale, staged=False)
    theirs = [torch.from_numpy(p.copy()).requires_grad_() for p in start]
    optimizer = getattr(torch.optim, kind.__name__)(theirs, **options)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss_of(theirs, [torch.from_numpy(s) for s in scale]).backward()
        optimizer.step()
    for ours, other in zip(parameters, theirs, strict=True):
        np.testing.assert_allclose(ours.numpy(), other.detach().numpy(), rtol=2e-5, atol=2e-5)


def network_step(staged):
    """A few steps of a whole network with dropout, from one seed."""
    tw.seed(3)
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
    optimizer = nn.Adam(model.parameters(), lr=0.01)
    host = np.random.default_rng(0)
    x = tw.asarray(host.standard_normal((8, 6)).astype(np.float32))
    y = tw.asarray(host.integers(0, 3, 8))

    def step(x, y):
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    run = tw.jit(step) if staged else step
    losses = [run(x, y).item() for _ in range(6)]
    return model, losses


def test_a_staged_step_of_a_network_equals_the_eager_one():
    eager, eager_losses = network_step(staged=False)
    staged, staged_losses = network_step(staged=True)
    np.testing.assert_allclose(staged_losses, eager_losses, rtol=1e-5)
    for a, b in zip(eager.parameters(), staged.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("staged", [False, True], ids=["eager", "staged"])
def test_a_changed_learning_rate_is_seen(staged):
    p = nn.Parameter([1.0], dtype="float32")
    optimizer = nn.SGD([p], lr=0.5)

    def step():
        optimizer.zero_grad()
        p.sum().backward()
        optimizer.step()

    run = tw.jit(step) if staged else step
    run()
    assert p.item() == 0.5
    optimizer.lr = 0.125
    run()
    assert p.item() == 0.375
    optimizer.lr *= 2
    run()
    assert p.item() == 0.125
    assert optimizer.lr.item() == 0.25


def test_the_learning_rate_may_be_changed_inside_a_staged_step():
    p = nn.Parameter([1.0], dtype="float32")
    optimizer = nn.SGD([p], lr=0.5)

    @tw.jit
    def step():
        optimizer.zero_grad()
        p.sum().backward()
        optimizer.step()
        optimizer.lr = optimizer.lr * 0.5

    step()
    step()
    assert p.item() == 0.25
    assert optimizer.lr.item() == 0.125


def test_gradients_accumulate_under_jit_without_zero_grad():
    p = nn.Parameter([1.0], dtype="float32")

    @tw.jit
    def accumulate():
        (p * 3).sum().backward()

    accumulate()
    accumulate()
    assert p.grad.item() == 6.0


def test_a_parameter_without_a_gradient_is_left_alone():
    used, unused = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = nn.Adam([used, unused], lr=0.1, weight_decay=0.5)
    used.sum().backward()
    optimizer.step()
    assert used.item() < 1.0
    assert unused.item() == 1.0


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_parameters_are_updated_in_float32(dtype):
    p = nn.Parameter([1.0], dtype=dtype)
    optimizer = nn.Adam([p], lr=0.25)
    p.sum().backward()
    optimizer.step()
    assert p.dtype == tw.dtype(dtype)
    assert float(p.item()) == 0.75
    assert optimizer.state_dict()["mean.0"].dtype == tw.float32


@pytest.mark.parametrize("staged", [False, True], ids=["eager", "staged"])
def test_state_dict_continues_where_it_was(staged, rng):
    start, scale = problem(rng)
    options = {"lr": 0.05, "weight_decay": 0.1}
    whole, _, _ = train(nn.Adam, options, start, scale, staged, steps=6)
    half, optimizer, _ = train(nn.Adam, options, start, scale, staged, steps=3)
    saved = optimizer.state_dict()
    assert list(saved) == ["lr", "step", "mean.0", "mean.1", "square.0", "square.1"]
    again = [nn.Parameter(p.numpy()) for p in half]
    other = nn.Adam(again, lr=9.0, weight_decay=0.1)
    other.load_state_dict(saved)
    for _ in range(3):
        other.zero_grad()
        loss_of(again, [tw.asarray(s) for s in scale]).backward()
        other.step()
    for a, b in zip(whole, again, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-6)


def test_wrong_arguments_are_named():
    p = nn.Parameter([1.0])
    with pytest.raises(ValueError, match="Adam: got no parameters"):
        nn.Adam([])
    with pytest.raises(tw.DTypeError, match="parameter 0 is float64"):
        nn.SGD([tw.zeros(3)], lr=0.1)
    with pytest.raises(ValueError, match="got lr=-1"):
        nn.SGD([p], lr=-1)
    with pytest.raises(ValueError, match=r"betas\[1\]=1.0"):
        nn.Adam([p], betas=(0.9, 1.0))
    with pytest.raises(ValueError, match="nesterov"):
        nn.SGD([p], nesterov=True)
    with pytest.raises(tw.ArtifactError, match=r"Adam: missing step.*unexpected momentum"):
        nn.Adam([p]).load_state_dict({"momentum.0": p, "lr": tw.asarray(0.1)})
