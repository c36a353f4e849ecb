"""Sums, products and fractions that stop when nothing changes any more."""

import numpy as np


def exponential(x):
    total = 1.0
    term = 1.0
    n = 1
    while abs(term) > 1e-16 * abs(total):
        term = term * x / n
        total = total + term
        n += 1
    return total


def kahan_sum(values):
    total = 0.0
    lost = 0.0
    for value in values:
        y = value - lost
        t = total + y
        lost = (t - total) - y
        total = t
    return total


def neumaier_sum(values):
    total = 0.0
    lost = 0.0
    for value in values:
        t = total + value
        if abs(total) >= abs(value):
            lost += (total - t) + value
        else:
            lost += (value - t) + total
        total = t
    return total + lost


def horner(coefficients, x):
    result = 0.0
    for c in coefficients:
        result = result * x + c
        if abs(result) > 1e6:
            break
    return result


def continued_fraction(x):
    parts = np.zeros(8)
    count = 0
    while count < 8:
        whole = np.floor(x)
        parts[count] = whole
        count += 1
        rest = x - whole
        if rest < 1e-9:
            break
        x = 1 / rest
    return parts, count


def geometric_mean_of_two(a, b):
    while abs(a - b) > 1e-14:
        a, b = (a + b) / 2, np.sqrt(a * b)
    return a


def log_gamma(x):
    shift = 0.0
    while x < 7:
        shift = shift - np.log(x)
        x = x + 1
    z = 1 / (x * x)
    series = (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z / 1680))) / x
    return shift + (x - 0.5) * np.log(x) - x + 0.9189385332046727 + series


def error_function(x):
    sign = 1.0
    if x < 0:
        sign = -1.0
        x = -x
    if x < 2:
        total, term, n = x, x, 1
        while abs(term) > 1e-17:
            term = -term * x * x / n
            total = total + term / (2 * n + 1)
            n += 1
        return sign * total * 1.1283791670955126
    fraction = 0.0
    for k in range(60, 0, -1):
        fraction = k / 2 / (x + fraction)
    return sign * (1 - np.exp(-x * x) / (x + fraction) * 0.5641895835477563)


def bessel_j0(x):
    term = 1.0
    total = 1.0
    k = 0
    while True:
        k += 1
        term *= -(x * x) / (4 * k * k)
        total += term
        if abs(term) < 1e-17:
            return total


def running_maximum_drawdown(prices):
    peak = prices[0]
    worst = 0.0
    for price in prices:
        if price > peak:
            peak = price
        elif (peak - price) / peak > worst:
            worst = (peak - price) / peak
    return worst


def simpson_until(a, b, tolerance):
    n = 2
    old = 0.0
    while n <= 4096:
        h = (b - a) / n
        total = np.sin(a) + np.sin(b)
        i = 1
        while i < n:
            weight = 4 if i % 2 == 1 else 2
            total = total + weight * np.sin(a + i * h)
            i += 1
        new = total * h / 3
        if abs(new - old) < tolerance:
            return new
        old = new
        n *= 2
    return old


PROGRAMS = [
    (exponential, (1.5,), (-0.01,), True),
    (kahan_sum, ([1e16, 1.0, 1.0, -1e16, 3.0, 0.1],), ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6],)),
    (neumaier_sum, ([1.0, 1e100, 1.0, -1e100],), ([4.0, 3.0, 2.0, 1.0],)),
    (horner, ([1.0, -2.0, 3.0, 4.0, 5.0], 1.5), ([9.0, 8.0, 7.0, 6.0, 5.0], 1e4), True),
    (continued_fraction, (3.245,), (2.5,)),
    (geometric_mean_of_two, (1.0, 2.0), (5.0, 5.0), True),
    (log_gamma, (0.5,), (11.0,), True),
    (error_function, (0.7,), (-3.1,), True),
    (bessel_j0, (2.0,), (0.1,), True),
    (running_maximum_drawdown, ([3.0, 5.0, 2.0, 6.0, 3.5],), ([1.0, 2.0, 3.0, 4.0, 5.0],), True),
    (simpson_until, (0.0, 3.0, 1e-8), (0.0, 0.1, 1e-3), True),
]
