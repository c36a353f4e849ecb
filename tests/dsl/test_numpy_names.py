"""The namespace: names, signatures, what is passed on, and NumPy's own functions on our arrays."""

from __future__ import annotations

import copy
import inspect
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from function_support import B, M, same
from numpy_support import DATA, cases, compare

import tilewright as tw
import tilewright.numpy as tnp
from tilewright.dsl.namespace import FFT, LINALG, OFFERED

DOCS = Path(__file__).resolve().parents[2] / "docs"
NAMES = json.loads((DOCS / "numpy-names.json").read_text())
NOTES = json.loads((DOCS / "numpy-notes.json").read_text())

# Arguments of NumPy that name what is not here: other array types, subclasses; and ours that are
# of the array API.
ELSEWHERE = {"like", "subok", "device", "descending"}
# NumPy hides these behind **kwargs, or takes what would be a pickle.
OWN_SIGNATURES = {"clip", "einsum", "frompyfunc", "save", "savez", "savez_compressed"}


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    found = []
    for p in inspect.signature(function).parameters.values():
        if p.name not in ELSEWHERE:
            # NumPy's "no value" stands for the default that ours spells out.
            default = "set" if p.name in ("keepdims", "where", "initial") else repr(p.default)
            # Nobody can name the arguments behind a star.
            name = "*" if p.kind == inspect.Parameter.VAR_POSITIONAL else p.name
            found.append((name, p.kind, default))
    return found


def vars_of(kind: type) -> dict[str, Any]:
    """The attributes of a class, those it inherits too."""
    return {n: getattr(kind, n) for n in dir(kind)}


def compared() -> list[str]:
    names = []
    for name, ours in OFFERED.items():
        theirs = getattr(np, name)
        plain = callable(theirs) and not isinstance(theirs, type | np.ufunc)
        if plain and name not in OWN_SIGNATURES and callable(ours):
            names.append(name)
    return names


@pytest.mark.parametrize("name", compared())
def test_signatures_are_numpys(name: str) -> None:
    try:
        theirs = parameters(getattr(np, name))
    except ValueError:
        assert name in ("fromstring",), "NumPy tells no signature"
        return
    ours = parameters(OFFERED[name])
    assert [p[:2] for p in ours] == [p[:2] for p in theirs]
    for (parameter, _, mine), (_, _, their) in zip(ours, theirs, strict=True):
        same_default = mine == their or "no value" in their
        python_type = their.replace("<class '", "").replace("'>", "") in ("float", "int")
        assert same_default or python_type, (parameter, mine, their)


# What NumPy's own methods lack: floats of any type, and arrays of devices without float64, which
# has no default then.
MORE = {"dtype"}
SECTIONS = {
    "linalg": (np.linalg, LINALG),
    "fft": (np.fft, FFT),
    "random.Generator": (np.random.Generator, vars_of(tnp.random.Generator)),
}


@pytest.mark.parametrize("section", SECTIONS)
def test_signatures_of_the_sections_are_numpys(section: str) -> None:
    theirs, ours = SECTIONS[section]
    for name in NAMES[section]:
        assert name in ours, f"{section}.{name} is missing"
        if not callable(ours[name]):
            continue
        wanted, found = parameters(getattr(theirs, name)), parameters(ours[name])
        if section != "linalg":
            wanted, found = ([p for p in side if p[0] not in MORE] for side in (wanted, found))
        if name == "matmul":  # one function serves as np.matmul too, which has a dtype
            found = [p for p in found if p[0] != "dtype"]
        assert [p[:2] for p in found] == [p[:2] for p in wanted], name
        for mine, their in zip(found, wanted, strict=True):
            values = {mine[2], mine[2].replace("tilewright.", "<class 'numpy.") + "'>"}
            known = their[2] in values or "no value" in their[2] or "object" in mine[2]
            assert known or (name, mine[0]) == ("qr", "mode"), (name, mine, their)


def test_results_of_linalg_are_named() -> None:
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    for name in ("eigh", "qr", "svd", "slogdet"):
        ours, theirs = getattr(tnp.linalg, name)(a), getattr(np.linalg, name)(a)
        assert ours._fields == theirs._fields
        for x, y in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(np.abs(x.numpy()), np.abs(y), rtol=1e-10)
            assert x.dtype == y.dtype
    values, vectors = tnp.linalg.eig(a)  # complex, as the array API has it
    assert values.dtype == vectors.dtype == "complex128" and values.imag.tolist() == [0, 0]
    turned = tnp.linalg.eigvals([[0.0, -1.0], [1.0, 0.0]])
    assert turned.dtype == "complex128" and tnp.linalg.LinAlgError is tw.LinAlgError
    with pytest.raises(np.linalg.LinAlgError):
        tnp.linalg.inv(np.zeros((2, 2)))
    x = tw.array(a)
    assert isinstance(np.linalg.inv(x), tw.Array) and isinstance(np.linalg.norm(x), tw.Array)


def test_ufuncs_are_numpys() -> None:
    for name, ours in OFFERED.items():
        theirs = getattr(np, name)
        if isinstance(theirs, np.ufunc):
            assert isinstance(ours, tnp.ufunc), name
            assert ours.__name__ == theirs.__name__
            assert (ours.nin, ours.nout, ours.signature) == (
                theirs.nin,
                theirs.nout,
                theirs.signature,
            )


def test_nothing_is_numpys_function_in_disguise() -> None:
    passed = {n for n, v in OFFERED.items() if v is getattr(np, n)}
    assert not {n for n in passed if inspect.isroutine(OFFERED[n])} - {
        "geterr", "seterr", "geterrcall", "seterrcall",
    }  # fmt: skip
    assert not hasattr(tnp, "relu") and not hasattr(tnp, "seed")
    with pytest.raises(AttributeError):
        _ = tnp.no_such_name


def test_every_name_is_there_or_has_a_reason() -> None:
    reasons = [n for names in NOTES["absent"].values() for n in names]
    assert len(reasons) == len(set(reasons)), "a name has two reasons"
    main = {*NAMES["main"], *NAMES["main_offered_by_neither"]}
    stale = [n for n in reasons if n in OFFERED and n not in NAMES["linalg"] + NAMES["ndarray"]]
    assert not stale, f"there, and said to be absent: {stale}"
    methods = [n for n in NAMES["ndarray"] if n not in main]
    stale = [n for n in methods if hasattr(tw.Array, n) and n in reasons]
    assert not stale, f"methods that are there, and said to be absent: {stale}"
    assert not [n for n in main if n not in OFFERED and n not in reasons]
    everything = {n for names in NAMES.values() if isinstance(names, list) for n in names}
    unknown = [n for n in reasons if n.split(".")[-1] not in everything]
    assert not unknown, f"reasons for names that nobody asked for: {unknown}"
    differing = [n for n in NOTES["differs"] if n.split(".")[-1] not in everything]
    assert not differing, f"notes on names that nobody asked for: {differing}"


def test_aliases_are_one_function() -> None:
    for name, ours in OFFERED.items():
        theirs = getattr(np, name)
        for other in OFFERED:
            if isinstance(theirs, np.ufunc) and getattr(np, other) is theirs:
                assert OFFERED[other] is ours, (name, other)
    assert tnp.concat is tnp.concatenate and tnp.permute_dims is tnp.transpose
    assert tnp.ndarray is tw.Array and tnp.stack is tw.stack


def test_constants_and_types() -> None:
    assert (tnp.pi, tnp.e, tnp.inf, tnp.newaxis) == (np.pi, np.e, np.inf, None)
    assert tnp.isnan(tnp.nan).item()
    assert tnp.zeros(2, tnp.float32).dtype == np.float32
    assert tnp.dtype("int8") is tnp.int8 and tnp.float64 is tw.float64
    assert tnp.float32(2.5).dtype is tnp.float32 and tnp.int64([1, 2]).tolist() == [1, 2]
    assert tnp.issubdtype(tnp.float32, tnp.floating) and not tnp.issubdtype(tnp.int8, tnp.floating)
    assert tnp.zeros(3).dtype == tnp.ones(3).dtype == tnp.linspace(0, 1, 3).dtype == "float64"
    with tnp.errstate(all="ignore"):
        assert tnp.isinf(tnp.divide(1.0, 0.0)).item()


KINDS = """
np.can_cast("int32", "int64")
np.can_cast("int64", "int32")
np.can_cast("float64", "float32", "same_kind")
np.can_cast("float32", "int8", casting="unsafe")
np.promote_types("int64", "float32").name
np.dtype(np.common_type(M, I32)).name
np.dtype(np.common_type(M.astype("float32"))).name
np.min_scalar_type(300).name
np.min_scalar_type(-1.5).name
np.result_type(M.astype("float32"), 2.5).name
np.isdtype(M.dtype, "real floating")
np.isdtype(I32.dtype, ("integral", "bool"))
np.isdtype(B.dtype, "numeric")
np.isscalar(3.5)
np.isscalar(M)
np.iscomplexobj(M)
np.isrealobj(M)
np.iscomplex(M)
np.isreal(I)
np.isfortran(M)
np.isfortran(M.T)
np.iterable(M)
np.iterable(3)
np.shares_memory(M, M[0])
np.shares_memory(M[0], M[1])
np.may_share_memory(M, M.T)
np.real_if_close(M)
np.typename("f")
np.mintypecode(["f", "d"])
np.finfo("float32").eps
np.iinfo("int8").max
np.base_repr(10, 3)
np.binary_repr(5, 8)
np.array2string(M, precision=1)
np.array_repr(I)
np.array_str(M[0])
np.format_float_positional(1.5)
np.format_float_scientific(np.float64(1.5))
np.fromstring("1 2 3", sep=" ")
np.fromiter((n * n for n in range(4)), int)
np.frombuffer(bytes(range(8)), np.int32)
np.frombuffer(bytes(range(8)), "uint8", 3, 2)
np.fromfunction(lambda i, j: i * 10 + j, (2, 3), dtype=int)
np.apply_along_axis(lambda row: row[::-1], 1, M)
np.apply_along_axis(lambda row: row.sum(), 0, C)
np.apply_along_axis(lambda row: np.diag(row), 1, C[0])
np.apply_over_axes(np.sum, C, [0, 2])
np.vectorize(lambda a, b: a + b if a > b else b)(I, 1)
np.mgrid[0:3, 0:2]
np.mgrid[0:1:5j]
np.ogrid[0:2, 0:3]
np.require(M.T, None, "C")
np.ascontiguousarray(3.0)
np.asarray(M, order="F")
np.copy(M)
np.array(3.0, ndmin=2)
[i for i, _ in np.ndenumerate(M)]
np.s_[1:3, ...]
np.einsum_path("ij,jk,kl->il", M, M.T, M)
"""


@pytest.mark.parametrize("text", cases(KINDS))
def test_as_numpy(text: str) -> None:
    expected = eval(text, {"np": np, **DATA})
    found = eval(text, {"np": tnp, **{k: tw.array(v) for k, v in DATA.items()}})
    if isinstance(expected, np.bool_ | np.generic) and not isinstance(found, tw.Array):
        expected = expected.item()
    compare(found, expected)


def test_files_go_round(tmp_path: Path) -> None:
    x = tw.array(M)
    tnp.save(tmp_path / "x", x)
    same(tnp.load(tmp_path / "x.npy"), M)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), M)
    tnp.savez(tmp_path / "all.npz", x, mask=tw.array(B))
    with tnp.load(tmp_path / "all.npz") as archive:
        assert sorted(archive) == ["arr_0", "mask"] and len(archive) == 2
        same(archive["mask"], B)
    tnp.savez_compressed(tmp_path / "small", x=x)
    same(tnp.load(tmp_path / "small.npz")["x"], M)
    tnp.savetxt(tmp_path / "x.txt", x)
    same(tnp.loadtxt(tmp_path / "x.txt"), M)
    same(tnp.genfromtxt(tmp_path / "x.txt"), M)
    x.tofile(tmp_path / "raw")
    same(tnp.fromfile(tmp_path / "raw").reshape(2, 3), M)
    stream = io.BytesIO()
    tnp.save(stream, x)
    stream.seek(0)
    same(tnp.load(stream), M)
    with pytest.raises(tw.ArgumentError, match="pickle"):
        tnp.load(tmp_path / "x.npy", allow_pickle=True)
    with pytest.raises(tw.DTypeError, match="bfloat16"):
        tnp.save(tmp_path / "half", tw.ones(2, "bfloat16"))


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("1 2\n")
    with pytest.raises((TypeError, ValueError)):
        tnp.savetxt(path, tw.array(M), fmt="%d %d")
    assert path.read_text() == "1 2\n" and len(list(tmp_path.iterdir())) == 1


# --------------------------------------------------------------------------- NumPy's functions


def test_numpys_functions_give_our_arrays() -> None:
    x = tw.array(M)
    for made in (
        np.exp(x), np.add(x, 1), np.add(M, x), M + x, np.float64(2) * x, np.sum(x, axis=0),
        np.add.reduce(x), np.multiply.outer(M[0], x[0]), np.concatenate([x, M]),
        np.where(x > 0, x, 0), np.einsum("ij->ji", x), np.mean(x), np.stack([x, x]),
        np.pad(x, 1), np.zeros_like(x), np.add(x, 1, where=x > 0), np.clip(x, 0, 1),
    ):  # fmt: skip
        assert isinstance(made, tw.Array)
    same(np.exp(x), np.exp(M))
    same(np.concatenate([x, M]), np.concatenate([M, M]))
    assert np.allclose(x, M) and np.shape(x) == (2, 3)
    assert np.array_repr(x) == np.array_repr(M)
    assert isinstance(tw.jit(lambda y: np.exp(y) + np.sum(y))(x), tw.Array)


def test_numpys_functions_that_are_not_there_say_so() -> None:
    x = tw.array(M)
    for call in (lambda: np.is_busday(x), lambda: np.busday_offset(x, 1)):
        with pytest.raises(TypeError, match="no implementation|NotImplemented"):
            call()
    same(np.sort(x), np.sort(M))


def test_a_host_array_is_written_by_an_operator_in_place() -> None:
    host = M.copy()
    host += tw.array(M)
    assert type(host) is np.ndarray
    np.testing.assert_array_equal(host, M + M)
    whole = np.zeros((2, 3), np.int64)
    with pytest.raises(TypeError, match="int64"):
        whole += tw.array(M)


def test_third_parties_have_their_say() -> None:
    class Other:
        __array_ufunc__ = None

        def __radd__(self, x: Any) -> str:
            return "other"

    assert tw.array(M).__array_ufunc__(np.add, "__call__", tw.array(M), Other()) is NotImplemented


def test_deep_copies_and_imports_stay_light() -> None:
    assert copy.deepcopy(tw.array(M)).tolist() == M.tolist()
    program = "import sys, tilewright.numpy; print('tvm' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
