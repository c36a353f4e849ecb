"""Clusters by Lloyd's algorithm: to the nearest centre, then the centres to the middle."""

import numpy as np

SMALL = {"count": 300, "dims": 3, "clusters": 4, "rounds": 5}


def data(count, dims, clusters):
    """Points around some places, by a formula, so that every run has the same."""
    k = np.arange(count * dims).reshape(count, dims)
    noise = np.sin(k * 12.9898) * 43758.5453
    noise = noise - np.floor(noise)
    middle = np.arange(count) % clusters
    places = np.cos(np.arange(clusters * dims).reshape(clusters, dims) * 1.7) * 3
    return places[middle] + noise - 0.5


def nearest(points, centres):
    """Which centre is nearest, and how far the squares add up to."""
    square = (centres**2).sum(axis=1) - 2 * points @ centres.T
    label = square.argmin(axis=1)
    distance = np.take_along_axis(square, label[:, np.newaxis], axis=1)
    return label, distance.sum() + (points**2).sum()


def middles(points, label, clusters):
    """The means of the clusters."""
    size = np.bincount(label, minlength=clusters)
    sums = [np.bincount(label, weights=column, minlength=clusters) for column in points.T]
    return np.stack(sums, axis=1) / np.maximum(size, 1)[:, np.newaxis]


def run(count=200_000, dims=8, clusters=16, rounds=10):
    """The centres, how many points each has, and the sum of squared distances."""
    points = data(count, dims, clusters)
    centres = points[:: count // clusters][:clusters].copy()
    for _ in range(rounds):
        label, cost = nearest(points, centres)
        centres = middles(points, label, clusters)
    order = np.argsort(centres[:, 0])
    return {"centres": centres[order], "size": np.bincount(label)[order], "cost": cost}


if __name__ == "__main__":
    print(run())
