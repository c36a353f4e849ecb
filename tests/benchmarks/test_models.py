"""The models of the benchmarks: their sizes, and small ones beside PyTorch in double precision."""

from functools import partial

import numpy as np
import pytest

import tilewright as tw
from tilewright.benchmarks.harness import Options
from tilewright.benchmarks.models import cases, transformers
from tilewright.benchmarks.models.vocabulary import TOLERANCE
from tilewright.benchmarks.referee import difference
from tilewright.benchmarks.server import wide

SMALL = transformers.Sizes(layers=2, width=24, heads=3, words=50)
ROWS = {row.name: row for row in cases(Options(rounds=1, threads=1, torch=None))}


def test_there_are_five_models_of_two_batches():
    assert len({name.rpartition(", ")[0] for name in ROWS}) == 5
    assert {name.rpartition(" ")[2] for name in ROWS} == {"1", "8"}
    assert len(ROWS) == 10


# Multiply-adds of one run, and arrays that it must read, as the models are known by: without the
# words of an encoder's table, with a norm's running figures, with cached keys and values.
@pytest.mark.parametrize(
    "name, adds, numbers",
    [
        ("BERT-base, batch 1", 11.17e9, 85.2e6),
        ("MiniLM, batch 1", 1.434e9, 10.7e6),
        ("ResNet-50, batch 1", 4.09e9, 25.61e6 + 0.15e6),
        ("MobileNetV2, batch 1", 0.301e9, 3.54e6 + 0.15e6),
        ("MobileNetV2, batch 8", 8 * 0.301e9, 3.54e6 + 8 * 0.15e6),
        ("GPT-2 small, a step of decoding, batch 1", 0.133e9, 123.6e6 + 9.44e6),
    ],
)
def test_models_have_their_sizes(name, adds, numbers):
    assert ROWS[name].flops / 2 == pytest.approx(adds, rel=0.01)
    assert ROWS[name].bytes / 4 == pytest.approx(numbers, rel=0.01)


@pytest.fixture(params=["encode", "decode"])
def small(request, monkeypatch, rng):
    """A small transformer: the model, its inputs and its weights."""
    monkeypatch.setattr(transformers, "TOKENS", 7)
    monkeypatch.setattr(transformers, "CACHED", 5)
    make = transformers.encoder if request.param == "encode" else transformers.decoder
    row = make("small", SMALL, 3)
    hosts = row.inputs(rng)
    n = len(hosts) - len(row.constants)
    return partial(getattr(transformers, request.param), SMALL), hosts[:n], hosts[n:]


def check(found, expected):
    both = [x if isinstance(x, tuple) else (x,) for x in (found, expected)]
    assert difference(*([np.asarray(y) for y in x] for x in both), TOLERANCE) == ""


def in_torch(torch, model, hosts):
    with torch.no_grad():
        return model(torch, *(torch.from_numpy(wide(x)) for x in hosts))


def test_small_transformers_beside_pytorch(small, oracle):
    model, inputs, weights = small
    expected = in_torch(oracle("torch"), model, [*inputs, *weights])
    captured = [tw.asarray(w) for w in weights]
    staged = tw.jit(lambda *given: model(tw, *given, *captured))
    check(staged(*map(tw.asarray, inputs)), expected)


def test_small_transformers_of_jax_beside_pytorch(small, oracle):
    model, inputs, weights = small
    expected = in_torch(oracle("torch"), model, [*inputs, *weights])
    jax = oracle("jax")
    check(model(jax, *map(jax.numpy.asarray, [*inputs, *weights])), expected)
