"""A support vector machine by Pegasos (Shalev-Shwartz, Singer and Srebro, 2007)."""

import numpy as np

SMALL = {"count": 400, "dims": 5, "rounds": 60, "batch": 20}


def data(count, dims):
    """Two classes that a plane almost parts, by a formula."""
    k = np.arange(count * dims).reshape(count, dims)
    wave = np.sin(k * 78.233) * 43758.5453
    points = 2 * (wave - np.floor(wave)) - 1
    plane = np.cos(np.arange(dims) * 1.3)
    label = np.where(points @ plane + 0.1 * np.sin(np.arange(count) * 5.1) > 0, 1.0, -1.0)
    return points, label


def run(count=20_000, dims=256, rounds=300, batch=2000, penalty=1e-3):
    """The plane, the share of points on the right side, and the mean of the losses."""
    points, label = data(count, dims)
    plane = np.zeros(dims)
    for k in range(1, rounds + 1):
        first = (k * batch) % count
        x, y = points[first : first + batch], label[first : first + batch]
        step = 1 / (penalty * k)
        inside = y * (x @ plane) < 1
        plane *= 1 - step * penalty
        plane += step / batch * (x.T @ (y * inside))
        length = np.sqrt(penalty) * np.linalg.norm(plane)
        plane /= np.maximum(length, 1.0)
    margin = label * (points @ plane)
    loss = np.maximum(1 - margin, 0).mean() + 0.5 * penalty * (plane**2).sum()
    return {"plane": plane, "right": (margin > 0).mean(), "loss": loss}


if __name__ == "__main__":
    print(run())
