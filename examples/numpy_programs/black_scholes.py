"""Prices of options: the formula of Black and Scholes, and Asian options by simulated paths."""

import numpy as np

SMALL = {"options": 500, "paths": 4000, "steps": 8}
# Other generators give other paths: prices agree as far as their number lets them.
TOLERANCE = {"asian": 0.05, "control": 0.05}


def normal_cdf(x):
    """Abramowitz and Stegun, 26.2.17: to 7.5e-8."""
    t = 1 / (1 + 0.2316419 * np.abs(x))
    series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937
             + t * (-1.821255978 + t * 1.330274429))))  # fmt: skip
    tail = series * np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    return np.where(x >= 0, 1 - tail, tail)


def call_price(spot, strike, years, rate, volatility):
    """The price of a European call."""
    root = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (rate + 0.5 * volatility**2) * years) / root
    return spot * normal_cdf(d1) - strike * np.exp(-rate * years) * normal_cdf(d1 - root)


def asian_price(rng, paths, steps, spot, strike, years, rate, volatility):
    """A call on the mean over time, by simulation; and on the end, whose price is known."""
    dt = years / steps
    moves = rng.standard_normal((steps, paths))
    moves *= volatility * np.sqrt(dt)
    moves += (rate - 0.5 * volatility**2) * dt
    path = spot * np.exp(np.cumsum(moves, axis=0))
    discount = np.exp(-rate * years)
    mean = discount * np.maximum(path.mean(axis=0) - strike, 0)
    end = discount * np.maximum(path[-1] - strike, 0)
    return mean.mean(), end.mean()


def run(options=1_000_000, paths=100_000, steps=32, seed=1):
    """Prices of many calls, and of one Asian option."""
    rng = np.random.default_rng(seed)
    strike = np.linspace(50, 150, options)
    years = 0.25 + 2 * np.linspace(0, 1, options) ** 2
    calls = call_price(100.0, strike, years, 0.03, 0.2)
    asian, end = asian_price(rng, paths, steps, 100.0, 100.0, 1.0, 0.03, 0.2)
    known = call_price(100.0, np.array(100.0), np.array(1.0), 0.03, 0.2)
    return {"calls": calls, "asian": asian, "control": end / known}


if __name__ == "__main__":
    print(run())
