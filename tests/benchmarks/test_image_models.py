"""The parts of the image models of the benchmarks, small, beside PyTorch in double precision."""

import numpy as np
import pytest

import tilewright as tw
from tilewright.benchmarks.models.images import Block, Convolution
from tilewright.benchmarks.models.vocabulary import TOLERANCE, of
from tilewright.benchmarks.referee import difference
from tilewright.benchmarks.server import wide

BLOCKS = {
    "bottleneck, stride 2": Block(
        (Convolution(8, 4), Convolution(4, 4, 3, 2), Convolution(4, 16)), Convolution(8, 16, 1, 2)
    ),
    "inverted": Block((Convolution(8, 24), Convolution(24, 24, 3, 1, 24), Convolution(24, 8))),
    "inverted, no sum": Block((Convolution(8, 8, 3, 2, 8), Convolution(8, 5)), adds=False),
}


def model_of(block):
    def model(library, images, *weights):
        f, given = of(library), iter(weights)
        x = f.relu(block.apply(f, images, given, f.relu6))
        return f.adaptive_avg_pool2d(f.max_pool2d(x, 3, 2, 1), 1).reshape(images.shape[0], -1)

    return model


@pytest.fixture(params=list(BLOCKS))
def small(request, rng):
    block = BLOCKS[request.param]
    weights = [spec.make(rng) for part in block.parts for spec in part.specs]
    return model_of(block), rng.standard_normal((2, 8, 11, 11), np.float32), weights


def in_torch(torch, model, hosts):
    with torch.no_grad():
        return model(torch, *(torch.from_numpy(wide(x)) for x in hosts)).numpy()


def test_blocks_beside_pytorch(small, oracle):
    model, images, weights = small
    expected = in_torch(oracle("torch"), model, [images, *weights])
    captured = [tw.asarray(w) for w in weights]
    found = tw.jit(lambda images: model(tw, images, *captured))(tw.asarray(images)).numpy()
    assert difference([found], [expected], TOLERANCE) == ""


def test_blocks_of_jax_beside_pytorch(small, oracle):
    model, images, weights = small
    expected = in_torch(oracle("torch"), model, [images, *weights])
    jax = oracle("jax")
    turned = [images.transpose(0, 2, 3, 1)]
    turned += [w.transpose(2, 3, 1, 0) if w.ndim == 4 else w for w in weights]
    found = np.asarray(model(jax, *map(jax.numpy.asarray, turned)))
    assert difference([found], [expected], TOLERANCE) == ""
