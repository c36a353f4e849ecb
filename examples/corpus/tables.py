"""Dynamic programming, and searches over graphs and states."""

import numpy as np


def edit_distance(a, b):
    previous = np.arange(len(b) + 1)
    for i in range(len(a)):
        current = np.zeros(len(b) + 1, dtype=int)
        current[0] = i + 1
        for j in range(len(b)):
            if a[i] == b[j]:
                current[j + 1] = previous[j]
            else:
                current[j + 1] = 1 + min(previous[j], previous[j + 1], current[j])
        previous = current
    return previous[len(b)]


def common_subsequence(a, b):
    table = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    for i in range(len(a)):
        for j in range(len(b)):
            if a[i] == b[j]:
                table[i + 1, j + 1] = table[i, j] + 1
            else:
                table[i + 1, j + 1] = max(table[i, j + 1], table[i + 1, j])
    return table[-1, -1]


def knapsack(weights, values, capacity):
    best = np.zeros(33)
    for item in range(len(weights)):
        room = 32
        while room >= weights[item]:
            with_item = best[room - weights[item]] + values[item]
            if room <= capacity and with_item > best[room]:
                best[room] = with_item
            room -= 1
    return best.max()


def coin_change(coins, amount):
    fewest = np.full(64, 999)
    fewest[0] = 0
    n = 1
    while n <= amount:
        for coin in coins:
            if coin <= n and fewest[n - coin] + 1 < fewest[n]:
                fewest[n] = fewest[n - coin] + 1
        n += 1
    return fewest[amount]


def viterbi(start, transition, emission, observed):
    score = start + emission[:, observed[0]]
    back = np.zeros((len(observed), len(start)), dtype=int)
    for t in range(1, len(observed)):
        candidates = score[:, None] + transition
        back[t] = candidates.argmax(axis=0)
        score = candidates.max(axis=0) + emission[:, observed[t]]
    path = np.zeros(len(observed), dtype=int)
    state = score.argmax()
    for t in range(len(observed) - 1, -1, -1):
        path[t] = state
        if t > 0:
            state = back[t, state]
    return path


def shortest_paths(weights):
    n = len(weights)
    distance = np.full(n, np.inf)
    distance[0] = 0.0
    done = np.zeros(n, dtype=bool)
    for _ in range(n):
        open_ = np.where(done, np.inf, distance)
        node = open_.argmin()
        if np.isinf(open_[node]):
            break
        done[node] = True
        for other in range(n):
            through = distance[node] + weights[node, other]
            if not done[other] and through < distance[other]:
                distance[other] = through
    return distance


def all_paths(weights):
    d = weights.copy()
    n = len(d)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if d[i, k] + d[k, j] < d[i, j]:
                    d[i, j] = d[i, k] + d[k, j]
    return d


def beam_search(scores, width_bonus):
    beams = np.zeros(3)
    last = np.zeros(3, dtype=int)
    for step in range(len(scores)):
        candidates = beams[:, None] + scores[step][last]
        flat = candidates.reshape(-1)
        order = np.argsort(-flat)[:3]
        beams = flat[order]
        last = order % scores.shape[2]
        if beams[0] - beams[2] > width_bonus:
            break
    return beams, last


def flood_fill(grid):
    reached = np.zeros_like(grid)
    reached[0, 0] = 1
    changed = True
    steps = 0
    while changed:
        grown = reached.copy()
        grown[1:] = np.maximum(grown[1:], reached[:-1])
        grown[:-1] = np.maximum(grown[:-1], reached[1:])
        grown[:, 1:] = np.maximum(grown[:, 1:], reached[:, :-1])
        grown[:, :-1] = np.maximum(grown[:, :-1], reached[:, 1:])
        grown = grown * grid
        changed = np.any(grown != reached)
        reached = grown
        steps += 1
    return reached, steps


def game_of_life(board):
    seen = board
    period = 0
    for turn in range(1, 13):
        n = sum(
            np.roll(np.roll(board, dx, 0), dy, 1)
            for dx in (-1, 0, 1)
            for dy in (-1, 0, 1)
            if (dx, dy) != (0, 0)
        )
        board = np.where((n == 3) | ((board == 1) & (n == 2)), 1, 0)
        if np.all(board == seen):
            period = turn
            break
    return board, period


def sandpile(grid):
    topplings = 0
    while grid.max() > 3:
        unstable = grid > 3
        grid = grid - np.where(unstable, 4, 0)
        spill = np.where(unstable, 1, 0)
        grid[1:] += spill[:-1]
        grid[:-1] += spill[1:]
        grid[:, 1:] += spill[:, :-1]
        grid[:, :-1] += spill[:, 1:]
        topplings += spill.sum()
    return grid, topplings


BLINKER = [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]
GLIDER = [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
LINE = [[0.0, 4.0, 9.0, 50.0], [4.0, 0.0, 3.0, 8.0], [9.0, 3.0, 0.0, 1.0], [50.0, 8.0, 1.0, 0.0]]
APART = [[0.0, 2.0, 90.0, 90.0], [2.0, 0.0, 90.0, 90.0], [90.0, 90.0, 0.0, 5.0],
         [90.0, 90.0, 5.0, 0.0]]  # fmt: skip

PROGRAMS = [
    (edit_distance, ([1, 2, 3, 4], [1, 3, 4, 5, 6]), ([1, 1, 1, 1], [1, 1, 1, 1, 1])),
    (common_subsequence, ([1, 2, 3, 2, 4], [2, 4, 3, 1]), ([1, 1, 1, 1, 1], [2, 2, 2, 2])),
    (knapsack, ([5, 4, 6, 3], [10.0, 40.0, 30.0, 50.0], 10),
     ([9, 9, 9, 9], [1.0, 2.0, 3.0, 4.0], 8)),
    (coin_change, ([1, 5, 12], 15), ([7, 3, 2], 1)),
    (viterbi, ([-0.5, -0.9], [[-0.4, -1.2], [-0.9, -0.5]], [[-0.7, -1.6, -1.2], [-2.3, -0.5, -1.0]],
               [0, 1, 2, 1]),
     ([-3.0, -0.1], [[-0.1, -3.0], [-3.0, -0.1]], [[-0.2, -2.0, -3.0], [-3.0, -2.0, -0.2]],
      [0, 0, 0, 2])),
    (shortest_paths, (LINE,), (APART,)),
    (all_paths, (LINE,), (APART,), True),
    (beam_search, ([[[0.1, 0.5, 0.4], [0.3, 0.3, 0.4], [0.8, 0.1, 0.1]]] * 4, 9.0),
     ([[[0.0, 5.0, 1.0], [0.0, 7.0, 2.0], [3.0, 1.0, 1.0]]] * 4, 0.5)),
    (flood_fill, ([[1, 1, 0], [0, 1, 0], [0, 1, 1]],), ([[1, 0, 1], [0, 1, 1], [1, 1, 1]],)),
    (game_of_life, (BLINKER,), (GLIDER,)),
    (sandpile, ([[0, 9, 0], [3, 3, 3], [0, 5, 0]],), ([[1, 2, 3], [3, 2, 1], [0, 0, 0]],)),
]  # fmt: skip
