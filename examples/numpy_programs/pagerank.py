"""PageRank: how often a walker along links is on each page, by power iteration."""

import numpy as np

SMALL = {"pages": 200, "links": 2000, "rounds": 10}


def graph(pages, links):
    """Links by a formula: low numbers are linked to more often."""
    k = np.arange(links)
    source = (k * 7919 + k // pages) % pages
    wave = np.sin(k * 12.9898) * 43758.5453
    target = ((wave - np.floor(wave)) ** 3 * pages).astype(np.int64)
    return source, np.minimum(target, pages - 1)


def run(pages=50_000, links=1_000_000, rounds=20, damping=0.85):
    """The pages that are visited most, their shares, and how far the last round moved."""
    source, target = graph(pages, links)
    out = np.bincount(source, minlength=pages)
    share = 1 / np.maximum(out, 1)
    ends = out == 0
    rank = np.full(pages, 1 / pages)
    for _ in range(rounds):
        given = rank * share
        moved = np.bincount(target, weights=given[source], minlength=pages)
        moved += rank[ends].sum() / pages
        new = damping * moved + (1 - damping) / pages
        change = np.abs(new - rank).sum()
        rank = new
    best = np.argsort(-rank)[:10]
    return {"rank": rank, "best": best, "change": change}


if __name__ == "__main__":
    print(run())
