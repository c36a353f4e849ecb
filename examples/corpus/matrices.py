"""Linear algebra and data that iterate until they settle."""

import numpy as np


def power_iteration(a, v):
    value = 0.0
    for _ in range(200):
        w = a @ v
        norm = np.sqrt(np.sum(w * w))
        v = w / norm
        if abs(norm - value) < 1e-10:
            break
        value = norm
    return value, v


def jacobi(a, b):
    x = np.zeros_like(b)
    d = np.diag(a)
    turns = 0
    while np.max(np.abs(b - a @ x)) > 1e-10 and turns < 200:
        x = (b - (a @ x - d * x)) / d
        turns += 1
    return x


def conjugate_gradient(a, b):
    x = np.zeros_like(b)
    r = b - a @ x
    p = r
    old = r @ r
    if old < 1e-20:
        return x
    for _ in range(10):
        ap = a @ p
        alpha = old / (p @ ap)
        x = x + alpha * p
        r = r - alpha * ap
        new = r @ r
        if new < 1e-20:
            break
        p = r + (new / old) * p
        old = new
    return x


def gaussian_elimination(a, b):
    a, b = a.copy(), b.copy()
    n = len(b)
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[pivot, k]):
                pivot = i
        if pivot != k:
            row, value = a[k].copy(), b[k].copy()
            a[k] = a[pivot]
            b[k] = b[pivot]
            a[pivot] = row
            b[pivot] = value
        for i in range(k + 1, n):
            factor = a[i, k] / a[k, k]
            a[i] = a[i] - factor * a[k]
            b[i] = b[i] - factor * b[k]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        x[i] = (b[i] - np.sum(a[i] * x)) / a[i, i]
    return x


def gram_schmidt(vectors):
    basis = np.zeros_like(vectors)
    rank = 0
    for i in range(len(vectors)):
        v = vectors[i] - basis.T @ (basis @ vectors[i])
        norm = np.sqrt(np.sum(v * v))
        if norm > 1e-8:
            basis[rank] = v / norm
            rank += 1
    return basis, rank


def k_means(points, centres):
    moved = True
    turns = 0
    while moved and turns < 20:
        distance = np.sum((points[:, None] - centres[None]) ** 2, axis=-1)
        label = distance.argmin(axis=1)
        new = np.zeros_like(centres)
        for k in range(len(centres)):
            mine = label == k
            count = np.sum(mine)
            if count == 0:
                new[k] = centres[k]
            else:
                new[k] = np.sum(np.where(mine[:, None], points, 0.0), axis=0) / count
        moved = np.any(new != centres)
        centres = new
        turns += 1
    return centres, turns


def perceptron(points, labels):
    w = np.zeros(points.shape[1])
    for epoch in range(20):
        mistakes = 0
        for i in range(len(points)):
            if labels[i] * (points[i] @ w) <= 0:
                w = w + labels[i] * points[i]
                mistakes += 1
        if mistakes == 0:
            return w, epoch
    return w, 20


def matrix_sign(a):
    x = a
    for _ in range(50):
        new = (x + np.linalg.inv(x)) / 2
        if np.max(np.abs(new - x)) < 1e-12:
            return new
        x = new
    return x


def page_rank(links):
    n = len(links)
    out = links.sum(axis=1)
    rank = np.full(n, 1.0 / n)
    change = 1.0
    while change > 1e-9:
        new = np.full(n, 0.15 / n)
        for page in range(n):
            if out[page] == 0:
                new = new + 0.85 * rank[page] / n
            else:
                new = new + 0.85 * rank[page] * links[page] / out[page]
        change = np.sum(np.abs(new - rank))
        rank = new
    return rank


def winsorized_mean(x, limit):
    mean = x.mean()
    for _ in range(10):
        spread = np.sqrt(np.mean((x - mean) ** 2))
        if spread == 0:
            return mean
        clipped = np.clip(x, mean - limit * spread, mean + limit * spread)
        new = clipped.mean()
        if abs(new - mean) < 1e-9:
            break
        mean = new
    return mean


def scaled_exponential(a):
    squarings = 0
    norm = np.max(np.sum(np.abs(a), axis=1))
    while norm > 0.5:
        norm = norm / 2
        a = a / 2
        squarings += 1
    result = np.eye(len(a))
    term = np.eye(len(a))
    for k in range(1, 10):
        term = term @ a / k
        result = result + term
    for _ in range(squarings):
        result = result @ result
    return result


SPD = [[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 5.0]]
SQUARES = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [8.0, 8.0], [9.0, 8.0], [8.0, 9.0]]

PROGRAMS = [
    (power_iteration, (SPD, [1.0, 0.0, 0.0]), ([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
                                               [1.0, 0.0, 0.0]), True),
    (jacobi, (SPD, [1.0, 2.0, 3.0]), (SPD, [0.0, 0.0, 0.0])),
    (conjugate_gradient, (SPD, [1.0, 2.0, 3.0]), (SPD, [0.0, 0.0, 0.0])),
    (gaussian_elimination, ([[0.0, 2.0, 1.0], [4.0, 1.0, 1.0], [2.0, 5.0, 3.0]], [3.0, 6.0, 10.0]),
     (SPD, [1.0, 1.0, 1.0]), True),
    (gram_schmidt, ([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0], [0.0, 1.0, 1.0]],), (SPD,)),
    (k_means, (SQUARES, [[0.0, 0.0], [1.0, 1.0]]), (SQUARES, [[50.0, 50.0], [4.0, 4.0]])),
    (perceptron, ([[2.0, 1.0], [1.0, 3.0], [-1.0, -2.0], [-3.0, -1.0]], [1.0, 1.0, -1.0, -1.0]),
     ([[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [1.0, 1.0]], [1.0, -1.0, 1.0, -1.0])),
    (matrix_sign, ([[3.0, 1.0], [0.0, 2.0]],), ([[1.0, 0.0], [0.0, -1.0]],)),
    (page_rank, ([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]],),
     ([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],)),
    (winsorized_mean, ([1.0, 2.0, 3.0, 50.0, 2.0], 1.0), ([2.0, 2.0, 2.0, 2.0, 2.0], 1.0)),
    (scaled_exponential, ([[0.0, 3.0], [-3.0, 0.0]],), ([[0.1, 0.0], [0.0, 0.2]],), True),
]  # fmt: skip
