"""Programs as people write them for NumPy, run with only the import changed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tilewright.numpy as tnp

POINTS = """
i = np.arange(60)
x = np.stack([np.sin(i * 12.9898) * 43.5453 % 1, np.cos(i * 78.233) * 24.6345 % 1], axis=1)
x[:30] += 3
"""

PROGRAMS: dict[str, str] = {
    "k-means": POINTS
    + """
centres = x[[0, 20, 40]].copy()
for _ in range(5):
    distance = ((x[:, None, :] - centres[None]) ** 2).sum(axis=2)
    label = distance.argmin(axis=1)
    for j in range(3):
        if np.any(label == j):
            centres[j] = x[label == j].mean(axis=0)
result = [centres, np.bincount(label, minlength=3)]
""",
    "a support vector machine by Pegasos": POINTS
    + """
y = np.where(np.arange(60) < 30, 1.0, -1.0)
w, b = np.zeros(x.shape[1]), 0.0
for t in range(1, 60):
    k = (t * 7919) % len(x)
    eta = 1.0 / (0.01 * t)
    if y[k] * (x[k] @ w + b) < 1:
        w = (1 - eta * 0.01) * w + eta * y[k] * x[k]
        b += eta * y[k]
    else:
        w *= 1 - eta * 0.01
result = [w, b, np.mean(np.sign(x @ w + b) == y)]
""",
    "Black and Scholes": """
def cdf(v):
    a = np.abs(v)
    k = 1 / (1 + 0.2316419 * a)
    c = [1.330274429, -1.821255978, 1.781477937, -0.356563782, 0.319381530, 0]
    p = np.exp(-a * a / 2) / np.sqrt(2 * np.pi) * np.polyval(c, k)
    return np.where(v >= 0, 1 - p, p)

S, K, T, r, s = np.linspace(50, 150, 11), 100.0, 1.0, 0.05, 0.2
d1 = (np.log(S / K) + (r + s**2 / 2) * T) / (s * np.sqrt(T))
price = S * cdf(d1) - K * np.exp(-r * T) * cdf(d1 - s * np.sqrt(T))
result = [price, max(price), f"{float(price[5]):.4f} {np.round(price[:3], 3).tolist()}"]
""",
    "PageRank": """
n = 20
A = np.zeros((n, n))
for i in range(n):
    A[(i * 7 + 3) % n, i] = 1
    A[(i * i + 1) % n, i] = 1
A /= A.sum(axis=0, keepdims=True)
rank = np.full(n, 1 / n)
for _ in range(50):
    new = 0.85 * A @ rank + 0.15 / n
    if np.abs(new - rank).max() < 1e-10:
        break
    rank = new
result = [rank, np.unravel_index(np.argmax(A), A.shape)]
""",
    "bodies in orbit": """
position = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0]])
velocity = np.array([[0.0, 0, 0], [0, 1, 0], [-0.7, 0, 0]])
mass = np.array([1.0, 1e-3, 1e-3])
for _ in range(20):
    apart = position[None, :, :] - position[:, None, :]
    square = (apart**2).sum(-1) + 1e-9
    np.fill_diagonal(square, 1.0)
    velocity += 0.01 * (apart * (mass[None, :, None] / square[..., None] ** 1.5)).sum(axis=1)
    position += 0.01 * velocity
result = [position, 0.5 * (mass * (velocity**2).sum(1)).sum(), np.cross(position, velocity)]
""",
    "the game of life": """
g = np.zeros((8, 8), dtype=int)
g[1, 2] = g[2, 3] = g[3, 1:4] = 1
turns = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
for _ in range(4):
    around = sum(np.roll(np.roll(g, i, 0), j, 1) for i, j in turns)
    g = ((around == 3) | ((g == 1) & (around == 2))).astype(int)
result = [g, np.argwhere(g)]
""",
    "primes and shortest paths": """
sieve = np.ones(200, dtype=bool)
sieve[:2] = False
for p in range(2, 15):
    if sieve[p]:
        sieve[p * p :: p] = False
D = np.full((6, 6), np.inf)
np.fill_diagonal(D, 0)
for a, b, c in [(0, 1, 3), (1, 2, 1), (2, 3, 7), (0, 4, 2), (4, 5, 1), (5, 3, 2)]:
    D[a, b] = D[b, a] = c
for k in range(6):
    D = np.minimum(D, D[:, k, None] + D[None, k, :])
result = [np.flatnonzero(sieve), D]
""",
    "writes of all kinds": """
m = np.arange(12).reshape(3, 4)
m[m % 2 == 0] *= -1
m[:, -1] = 99
z = np.zeros_like(m, dtype=float)
z[1:3, ::2] = [[1, 2], [3, 4]]
z += m
u = np.ones((2, 3))
u[:, [0, 2]] += 5
u[np.array([0, 1]), np.array([1, 2])] = -1
np.add(u[0], u[1], out=u[1])
m.T[0] = 7
counts, edges = np.histogram(z, bins=4)
result = [m, z, u, *np.divmod(m, 5), counts, edges, np.float32(2.5) * 2, np.int64(7) // 2]
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program(name: str) -> None:
    made: list[Any] = []
    for numpy in (np, tnp):
        names: dict[str, Any] = {"np": numpy}
        exec(PROGRAMS[name], names)
        made.append(names["result"])
    for expected, found in zip(*made, strict=True):
        if isinstance(expected, str):
            assert found == expected
            continue
        expected, found = np.asarray(expected), np.asarray(found)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
