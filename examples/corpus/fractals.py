"""Iterated maps: how long until they escape, or come back."""

import numpy as np


def mandelbrot(cx, cy):
    x, y, n = 0.0, 0.0, 0
    while x * x + y * y <= 4 and n < 100:
        x, y = x * x - y * y + cx, 2 * x * y + cy
        n += 1
    return n


def mandelbrot_grid(cx, cy):
    x = np.zeros_like(cx)
    y = np.zeros_like(cy)
    counts = np.zeros(cx.shape)
    for _ in range(60):
        inside = x * x + y * y <= 4
        if not np.any(inside):
            break
        counts = counts + inside
        x, y = (
            np.where(inside, x * x - y * y + cx, x),
            np.where(inside, 2 * x * y + cy, y),
        )
    return counts


def julia_smooth(x, y):
    for n in range(80):
        if x * x + y * y > 256:
            return n + 1 - np.log2(np.log(x * x + y * y))
        x, y = x * x - y * y - 0.8, 2 * x * y + 0.156
    return 0.0


def burning_ship(cx, cy):
    x = y = 0.0
    for n in range(50):
        x, y = x * x - y * y + cx, abs(2 * x * y) + cy
        if x * x + y * y > 4:
            return n
    return 50


def logistic_period(r):
    x = 0.3
    for _ in range(300):
        x = r * x * (1 - x)
    start = x
    period = 0
    for n in range(1, 33):
        x = r * x * (1 - x)
        if abs(x - start) < 1e-6:
            period = n
            break
    return period


def newton_basin(x, y):
    for _ in range(40):
        squared = x * x + y * y
        if squared == 0:
            return -1
        quad = squared * squared
        x, y = (
            2 * x / 3 + (x * x - y * y) / (3 * quad),
            2 * y / 3 - 2 * x * y / (3 * quad),
        )
    if x > 0.9:
        return 0
    elif y > 0:
        return 1
    else:
        return 2


def henon_escape(x, y, a):
    n = 0
    while n < 20:
        if not (-2.5 < x < 2.5):
            break
        x, y = 1 - a * x * x + y, 0.3 * x
        n += 1
    return n, x


PROGRAMS = [
    (mandelbrot, (-0.75, 0.12), (1.0, 1.0)),
    (mandelbrot_grid, ([[0.0, -1.0], [0.5, 2.0]], [[0.0, 0.3], [0.5, 2.0]]),
     ([[2.0, 3.0], [4.0, 5.0]], [[2.0, 3.0], [4.0, 5.0]])),
    (julia_smooth, (0.6, 0.7), (0.05, 0.02)),
    (burning_ship, (-1.75, 0.03), (0.9, 0.8)),
    (logistic_period, (3.2,), (3.9,)),
    (newton_basin, (1.5, 0.2), (-0.5, 0.8)),
    (henon_escape, (0.1, 0.1, 1.4), (2.0, 0.0, 1.9)),
]  # fmt: skip
