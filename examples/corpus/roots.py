"""Zeros and minima of functions: iterate until it is good enough."""

import numpy as np


def newton_root(a):
    x = a
    for _ in range(50):
        step = (x * x - a) / (2 * x)
        x = x - step
        if abs(step) < 1e-12:
            break
    return x


def bisection(low, high, target):
    while high - low > 1e-9:
        middle = (low + high) / 2
        if middle**3 + middle < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def secant(x0, x1):
    f0 = np.cos(x0) - x0
    turns = 0
    while turns < 30:
        f1 = np.cos(x1) - x1
        if abs(f1) < 1e-12 or f1 == f0:
            break
        x0, x1, f0 = x1, x1 - f1 * (x1 - x0) / (f1 - f0), f1
        turns += 1
    return x1


def golden_section(low, high, centre):
    ratio = (np.sqrt(5.0) - 1) / 2
    a = high - ratio * (high - low)
    b = low + ratio * (high - low)
    while high - low > 1e-7:
        if (a - centre) ** 2 < (b - centre) ** 2:
            high, b = b, a
            a = high - ratio * (high - low)
        else:
            low, a = a, b
            b = low + ratio * (high - low)
    return (low + high) / 2


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def line_search(x, direction):
    slope = -np.sum(direction * direction)
    start = rosenbrock(x)
    step = 1.0
    while rosenbrock(x + step * direction) > start + 1e-4 * step * slope:
        step = step / 2
        if step < 1e-10:
            return x
    return x + step * direction


def fixed_point(x):
    turns = 0
    change = 1.0
    while change > 1e-10 and turns < 200:
        new = np.cos(x)
        change = abs(new - x)
        x = new
        turns += 1
    return x, turns


def halley_cube_root(a):
    if a == 0:
        return a
    x = a
    while True:
        cube = x * x * x
        new = x * (cube + 2 * a) / (2 * cube + a)
        if abs(new - x) <= 1e-14 * abs(new):
            return new
        x = new


def lambert_w(x):
    w = np.log1p(x) if x > -0.2 else -0.5 + 0 * x
    for _ in range(40):
        e = np.exp(w)
        f = w * e - x
        step = f / (e * (w + 1) - (w + 2) * f / (2 * w + 2))
        w = w - step
        if abs(step) < 1e-13:
            break
    return w


def regula_falsi(low, high):
    f_low, f_high = np.exp(low) - 3, np.exp(high) - 3
    side = 0
    x = low
    for _ in range(60):
        x = (f_low * high - f_high * low) / (f_low - f_high)
        f = np.exp(x) - 3
        if abs(f) < 1e-10:
            break
        if f * f_high > 0:
            high, f_high = x, f
            if side == -1:
                f_low = f_low / 2
            side = -1
        else:
            low, f_low = x, f
            if side == 1:
                f_high = f_high / 2
            side = 1
    return x


def kepler(mean, eccentricity):
    anomaly = mean if eccentricity < 0.8 else mean + 0.85 * eccentricity
    error = 1.0
    while abs(error) > 1e-12:
        error = anomaly - eccentricity * np.sin(anomaly) - mean
        anomaly = anomaly - error / (1 - eccentricity * np.cos(anomaly))
    return anomaly


def gradient_descent(x, rate):
    previous = rosenbrock(x)
    for _ in range(100):
        gradient = np.stack([
            -2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2),
        ])  # fmt: skip
        candidate = x - rate * gradient
        value = rosenbrock(candidate)
        if value < previous:
            x, previous, rate = candidate, value, rate * 1.1
        else:
            rate = rate / 2
    return x


def nearest_crossing(f):
    for i in range(f.shape[0] - 1):
        if f[i] == 0 or f[i] * f[i + 1] < 0:
            return i - f[i] / (f[i + 1] - f[i])
    return -1.0


PROGRAMS = [
    (newton_root, (2.0,), (1e6,), True),
    (bisection, (0.0, 2.0, 3.0), (-4.0, 9.0, 500.0)),
    (secant, (0.0, 1.0), (0.7, 0.7390851332151607)),
    (golden_section, (0.0, 4.0, 1.3), (-1.0, 1.0, -0.9)),
    (line_search, ([-1.2, 1.0], [215.6, 88.0]), ([1.0, 1.0], [0.0, 0.0])),
    (fixed_point, (0.5,), (0.7390851332151607,)),
    (halley_cube_root, (27.0,), (-0.001,), True),
    (lambert_w, (1.5,), (-0.3,), True),
    (regula_falsi, (0.0, 4.0), (1.0, 1.2)),
    (kepler, (1.2, 0.3), (0.4, 0.9), True),
    (gradient_descent, ([-1.0, 1.0], 0.002), ([0.5, 0.3], 0.02), True),
    (nearest_crossing, ([3.0, 1.0, -1.0, 2.0, 5.0],), ([1.0, 2.0, 3.0, 4.0, 5.0],)),
]
