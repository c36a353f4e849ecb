"""A tour of eager code, for a process that must not need the compiler: prints what it measured.

Run by test_wheel.py in an environment with nothing but a wheel that has all libraries of kernels.
"""
# ruff: noqa: E402 - the imports are timed

import sys
import time

begin = time.perf_counter()
import numpy as np

loaded_numpy = time.perf_counter()
import tilewright as tw
import tilewright.numpy as tnp
from tilewright import nn

imported = time.perf_counter()
first = (tw.ones((3, 4)) + tw.ones((3, 4))).sum()
done = time.perf_counter()
assert float(first) == 24.0
assert "tvm" not in sys.modules
for name, seconds in (
    ("import numpy", loaded_numpy - begin),
    ("import tilewright", imported - loaded_numpy),
    ("the first operations", done - imported),
):
    print(f"{name} {1e3 * seconds:.0f} ms")

rng = np.random.default_rng(0)


def same(got, want, tolerance=1e-5):
    np.testing.assert_allclose(np.asarray(got), want, rtol=tolerance, atol=tolerance)


def elementwise():
    for dtype in (np.float32, np.float64):
        x = rng.uniform(0.1, 2, (40, 30)).astype(dtype)
        a = tw.array(x)
        same(tw.exp(a) * 2 - tw.log(a) / 3 + a**2, np.exp(x) * 2 - np.log(x) / 3 + x**2)
        same(tw.where(a > 1, tw.sin(a), -a), np.where(x > 1, np.sin(x), -x))
        same(a[:, ::2] + a[0, ::2] + a[:, :1], x[:, ::2] + x[0, ::2] + x[:, :1])
        same(tw.maximum(a.T, 1).astype("int32"), np.maximum(x.T, 1).astype("int32"))
    n = rng.integers(-9, 9, (7, 5))
    m = tw.array(n)
    same((m * 3 + 1) // 2 % 5, (n * 3 + 1) // 2 % 5)
    same((m & 6) | (m << 1) ^ ~m, (n & 6) | (n << 1) ^ ~n)
    same((m / 2).astype("float32") * 1.5, (n / 2).astype("float32") * 1.5)


def reductions():
    x = rng.normal(size=(6, 50, 9)).astype(np.float32)
    a = tw.array(x)
    for axis in (None, 0, 1, 2, (0, 2), (1, 2)):
        same(a.sum(axis=axis), x.sum(axis=axis), 1e-4)
        same(a.mean(axis=axis), x.mean(axis=axis), 1e-4)
        same(a.max(axis=axis), x.max(axis=axis))
        same(a.std(axis=axis), x.std(axis=axis), 1e-4)
    same(a.argmin(axis=1), x.argmin(axis=1))
    same(tnp.cumsum(a, axis=1), np.cumsum(x, axis=1), 1e-4)
    same((a > 0).any(axis=0), (x > 0).any(axis=0))


def indexing():
    x = rng.normal(size=(9, 8))
    a = tw.array(x)
    places = np.array([3, 0, 7, 7])
    same(a[tw.array(places)], x[places])
    same(a[a > 0], x[x > 0])
    a[1:4, ::2] = 5
    x[1:4, ::2] = 5
    a[tw.array(places)] += 1
    x[places] += 1
    same(a, x)
    same(tnp.sort(a, axis=0), np.sort(x, axis=0))
    same(tnp.unique(tw.array([3, 1, 3])), np.unique([3, 1, 3]))
    same(tnp.take_along_axis(a, tnp.argsort(a, axis=1), axis=1), np.sort(x, axis=1))
    joined = np.concatenate([x, x[::-1]])
    same(tnp.concatenate([a, a[::-1]]).reshape(-1, 4).T, joined.reshape(-1, 4).T)


def products():
    for dtype, tolerance in ((np.float32, 1e-3), (np.float64, 1e-9)):
        for m, k, n in ((2, 3, 4), (33, 17, 65), (120, 200, 90), (1, 300, 40)):
            x = rng.normal(size=(m, k)).astype(dtype)
            y = rng.normal(size=(k, n)).astype(dtype)
            a, b = tw.array(x), tw.array(y)
            same(a @ b, x @ y, tolerance)
            same(b.T @ a.T, y.T @ x.T, tolerance)
            same(a @ b[:, 0], x @ y[:, 0], tolerance)
        z = rng.normal(size=(5, 6, 7)).astype(dtype)
        c = tw.array(z)
        same(tw.matmul(c, tw.swapaxes(c, 1, 2)), z @ z.transpose(0, 2, 1), tolerance)
        same(tnp.einsum("bij,bkj->bik", c, c), np.einsum("bij,bkj->bik", z, z), tolerance)


def training():
    x = rng.normal(size=(256, 12)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 2))
    optimiser = nn.Adam(model.parameters(), 0.02)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = nn.cross_entropy(model(tw.array(x)), tw.array(y))
        loss.backward()
        optimiser.step()
        losses.append(float(loss))
    assert losses[-1] < 0.3 * losses[0], losses[::10]


for part in (elementwise, reductions, indexing, products, training):
    since = time.perf_counter()
    part()
    print(f"{part.__name__} {1e3 * (time.perf_counter() - since):.0f} ms")
    assert "tvm" not in sys.modules, f"{part.__name__} needed the compiler"
print("no compiler was needed")
