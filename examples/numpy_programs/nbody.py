"""Bodies that attract each other: all pairs, leapfrog steps; the energy stays what it is."""

import numpy as np

SMALL = {"count": 40, "steps": 3}


def start(count):
    """Bodies on a spiral, of various masses, that move around its middle."""
    k = np.arange(count)
    radius = 1 + 4 * np.sqrt((k + 0.5) / count)
    angle = k * 2.399963229728653  # the golden angle
    height = 0.2 * np.cos(7 * angle)
    place = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    speed = np.stack([-np.sin(angle), np.cos(angle), np.zeros(count)], axis=1)
    mass = (1 + 0.5 * np.sin(3.0 * k)) / count
    return place, speed / np.sqrt(radius)[:, np.newaxis], mass


def acceleration(place, mass, softening):
    """The sum of what all others pull."""
    away = place[np.newaxis, :, :] - place[:, np.newaxis, :]  # (n, n, 3)
    square = (away**2).sum(axis=-1) + softening**2
    weight = mass / (square * np.sqrt(square))
    return np.einsum("ij,ijk->ik", weight, away)


def energy(place, speed, mass, softening):
    """Of motion and of place; each pair counts once."""
    motion = 0.5 * (mass * (speed**2).sum(axis=1)).sum()
    away = place[np.newaxis, :, :] - place[:, np.newaxis, :]
    distance = np.sqrt((away**2).sum(axis=-1) + softening**2)
    pairs = np.outer(mass, mass) / distance
    np.fill_diagonal(pairs, 0.0)
    return motion - 0.5 * pairs.sum()


def run(count=1000, steps=10, dt=0.01, softening=0.05):
    """Where the bodies are in the end, and how much energy was lost."""
    place, speed, mass = start(count)
    before = energy(place, speed, mass, softening)
    pull = acceleration(place, mass, softening)
    for _ in range(steps):
        speed += 0.5 * dt * pull
        place += dt * speed
        pull = acceleration(place, mass, softening)
        speed += 0.5 * dt * pull
    after = energy(place, speed, mass, softening)
    kept = abs(after / before - 1) < 0.01
    return {"place": place, "speed": speed, "energy": after, "kept": kept}


if __name__ == "__main__":
    print(run())
