"""Who stages the programs of examples/corpus without a change: python -m benchmarks.corpus.

Each program is plain NumPy-style Python. tw.script and jax.jit get it with their own namespace
under the name `np`; torch.compile(fullgraph=True) understands NumPy's calls by itself, and is asked
for the whole graph alone (backend="eager": no code is generated from it). A program counts if it is
staged whole and gives NumPy's results for both sets of arguments.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "corpus"
Stage = Callable[[Callable[..., Any]], Callable[..., Any]]


def load_corpus(folder: Path = FOLDER) -> ModuleType:
    """examples/corpus as a package."""
    spec = importlib.util.spec_from_file_location("corpus", folder / "__init__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["corpus"] = module
    spec.loader.exec_module(module)
    return module


def contenders() -> Iterator[tuple[str, Any, Stage, Callable[[Any], Any]]]:
    """Name, namespace, how a function is staged, and how an argument is made."""
    import tilewright as tw
    import tilewright.numpy

    yield "tw.script", tw.numpy, tw.script, lambda x: tw.asarray(np.asarray(x))
    yield "tw.jit", tw.numpy, tw.jit, lambda x: tw.asarray(np.asarray(x))
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        yield "jax.jit", jax.numpy, jax.jit, lambda x: jax.numpy.asarray(np.asarray(x))
    if importlib.util.find_spec("torch"):
        import torch

        def compiled(f: Callable[..., Any]) -> Callable[..., Any]:
            torch._dynamo.reset()
            made: Callable[..., Any] = torch.compile(
                f, fullgraph=True, dynamic=False, backend="eager"
            )
            return made

        yield "torch.compile", np, compiled, np.asarray


def verdict(program: Any, reference: Any, stage: Stage, make: Callable[[Any], Any]) -> str:
    """ "" if a program is staged and right, else what went wrong, in a line."""
    try:
        staged = stage(program.function)
        for given in (program.first, program.second):
            plain = [np.asarray(x) if isinstance(x, list) else x for x in given]
            with np.errstate(all="ignore"):
                wanted = reference.function(*plain)
                found = staged(*map(make, given))
            for x, y in zip(_leaves(found), _leaves(wanted), strict=True):
                np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-8, atol=1e-10)
    except AssertionError as error:
        return "wrong result: " + " ".join(str(error).split())[:80]
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:80]}"
    return ""


def _leaves(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def main() -> None:
    """Print who stages what, and the counts."""
    corpus = load_corpus()
    references = {p.name: p for p in corpus.load(np)}
    for name, namespace, stage, make in contenders():
        programs = list(corpus.load(namespace))
        found = {p.name: verdict(p, references[p.name], stage, make) for p in programs}
        n = sum(1 for problem in found.values() if not problem)
        print(f"{name}: {n} of {len(found)}")
        if "--why" in sys.argv:
            for program, problem in found.items():
                if problem:
                    print(f"    {program}: {problem}")


if __name__ == "__main__":
    main()
