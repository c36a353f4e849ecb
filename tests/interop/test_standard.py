"""The array API standard: names and signatures, the namespace's answers, devices, exchange.

The functions' values are tested against NumPy elsewhere, and by the standard's own suite, which is
run from outside (docs/array-api.md). The names and parameters are in array_api_2025_12.txt.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tilewright as tw
import tilewright.numpy as tnp
from tilewright.dsl import dtypes

LIST = Path(__file__).with_name("array_api_2025_12.txt")
NAMESPACES = {"tilewright": tw, "tilewright.numpy": tnp}
IN_MODULES = ("main", "linalg", "fft")


def sections() -> dict[str, list[str]]:
    parts = re.split(r"^\[(\w+)\]$", LIST.read_text(), flags=re.MULTILINE)
    return {
        n: rows.split("\n")
        for n, rows in zip(parts[1::2], map(str.strip, parts[2::2]), strict=True)
    }


SECTIONS = sections()


def parameters(row: str) -> list[tuple[str, str]]:
    """(name, how it is given) for each parameter of a row such as `f(x, /, axis=, *, dtype=)`."""
    inside = row[row.index("(") + 1 : -1]
    names = [n.strip().rstrip("=") for n in inside.split(",") if n.strip()]
    given = "position" if "/" in names else "either"
    found = []
    for name in names:
        if name in "/*":
            given = "either" if name == "/" else "keyword"
        elif name.startswith("*"):
            found.append((name[1:], "star"))
            given = "keyword"
        else:
            found.append((name, given))
    return found


def check_signature(function: Any, row: str) -> None:
    """Every call that the standard allows is a call of the function."""
    ours = list(inspect.signature(function).parameters.values())
    names = {p.name: p for p in ours}
    for place, (name, how) in enumerate(parameters(row)):
        if how == "keyword":
            assert name in names, f"{row}: no keyword {name} in {list(names)}"
            assert names[name].kind != inspect.Parameter.POSITIONAL_ONLY, row
            continue
        assert place < len(ours), f"{row}: no parameter for {name}"
        kind = ours[place].kind
        if how == "star":
            assert kind == inspect.Parameter.VAR_POSITIONAL, row
        else:
            assert kind != inspect.Parameter.KEYWORD_ONLY, row
        if how == "either":
            assert ours[place].name == name, f"{row}: ours is named {ours[place].name}"


def rows(*names: str) -> list[tuple[str, str]]:
    return [(section, row) for section in names for row in SECTIONS[section]]


@pytest.mark.parametrize("namespace", NAMESPACES.values(), ids=NAMESPACES.keys())
@pytest.mark.parametrize(("section", "row"), rows(*IN_MODULES))
def test_functions(namespace: ModuleType, section: str, row: str) -> None:
    where = namespace if section == "main" else getattr(namespace, section)
    check_signature(getattr(where, row[: row.index("(")]), row)


@pytest.mark.parametrize("row", SECTIONS["array"])
def test_methods(row: str) -> None:
    method = getattr(tw.ones((2, 2)), row[: row.index("(")])
    check_signature(method, row)


@pytest.mark.parametrize("row", SECTIONS["info"])
def test_answers(row: str) -> None:
    check_signature(getattr(tnp.__array_namespace_info__(), row[: row.index("(")]), row)


def test_attributes_constants_and_types() -> None:
    x = tw.ones((2, 3))
    for name in SECTIONS["attributes"]:
        getattr(x, name)
    for namespace in NAMESPACES.values():
        assert namespace.__array_api_version__ == "2025.12"
        assert (namespace.e, namespace.pi, namespace.inf) == (np.e, np.pi, np.inf)
        assert namespace.nan != namespace.nan and namespace.newaxis is None
        for name, dtype in namespace.__array_namespace_info__().dtypes().items():
            assert getattr(namespace, name) == dtype == namespace.empty(1, dtype=dtype).dtype


def test_every_array_names_its_namespace() -> None:
    for x in (tw.ones(3), tw.ones(()), tw.ones(3)[1:]):
        for version in (None, "2021.12", "2022.12", "2023.12", "2024.12", "2025.12"):
            assert x.__array_namespace__(api_version=version) is tnp
    with pytest.raises(ValueError, match="api_version"):
        x.__array_namespace__(api_version="1999.01")
    assert tw.jit(lambda v: v.__array_namespace__().sin(v))(tw.zeros(2)).tolist() == [0, 0]


def test_what_the_namespace_tells() -> None:
    info = tnp.__array_namespace_info__()
    told = info.capabilities()
    assert told["boolean indexing"] is told["data-dependent shapes"] is True
    assert tw.ones((1,) * told["max dimensions"]).ndim == told["max dimensions"]
    with pytest.raises(ValueError, match="at most"):
        tw.ones((1,) * (told["max dimensions"] + 1))
    assert info.default_device() is info.devices()[0] is tw.device("cpu")
    with tw.device("cpu"):
        assert info.default_device() is tw.device("cpu")
    defaults = info.default_dtypes()
    assert defaults["real floating"] == tnp.asarray(1.0).dtype == tnp.zeros(1).dtype
    assert defaults["complex floating"] == tnp.asarray(1j).dtype
    assert defaults["integral"] == tnp.asarray(1).dtype
    assert (
        defaults["indexing"] == tnp.argmax(tnp.ones(2)).dtype == tnp.nonzero(tnp.ones(2))[0].dtype
    )


def test_kinds_of_types() -> None:
    info = tnp.__array_namespace_info__()
    names = {d.name for d in dtypes.ALL} - {"float16", "bfloat16"}
    assert set(info.dtypes()) == names
    assert set(info.dtypes(kind="unsigned integer")) == {"uint8", "uint16", "uint32", "uint64"}
    assert set(info.dtypes(kind=("bool", "real floating"))) == {"bool", "float32", "float64"}
    assert set(info.dtypes(kind="complex floating")) == {"complex64", "complex128"}
    with pytest.raises(TypeError, match="kind"):
        info.dtypes(kind="nonsense")
    with pytest.raises(TypeError, match="kind"):
        info.dtypes(kind=3)


@pytest.mark.parametrize("device", tnp.__array_namespace_info__().devices(), ids=str)
def test_devices_hold_what_is_told_of_them(device: tw.Device) -> None:
    info = tnp.__array_namespace_info__()
    for name, dtype in info.dtypes(device=device).items():
        made = tnp.empty(2, dtype=dtype, device=device)
        assert (made.device, made.dtype) == (device, dtype), name
    defaults = info.default_dtypes(device=device)
    assert tnp.zeros(1, device=device).dtype == defaults["real floating"]
    assert tnp.asarray([1], device=device).dtype == defaults["integral"]
    with pytest.raises(ValueError, match="device: got 'nowhere'"):
        tnp.zeros(1, device="nowhere")


@pytest.mark.parametrize("device", tnp.__array_namespace_info__().devices(), ids=str)
def test_arrays_move(device: tw.Device) -> None:
    x = tnp.asarray([1.0, 2.0], dtype=tnp.float32)
    there = x.to_device(device)
    assert there.device is device and x.device is tw.device("cpu")
    assert there.to_device(there.device) is there
    back = there.to_device("cpu", stream=None)
    assert back.tolist() == [1, 2]
    assert tnp.from_dlpack(there).device is device
    assert tnp.from_dlpack(there, device="cpu").tolist() == [1, 2]
    assert tnp.from_dlpack(x, device=device).device is device
    assert tnp.astype(x, tnp.float32, device=device).device is device
    assert tnp.asarray(x, device=device, copy=True).device is device
    with pytest.raises(ValueError, match="stream"):
        x.to_device(device, stream=1)


def test_exchange() -> None:
    host = np.arange(6, dtype=np.int32).reshape(2, 3)
    shared, copied = tnp.from_dlpack(host), tnp.from_dlpack(host, copy=True)
    back = np.from_dlpack(shared)
    assert back.ctypes.data == host.ctypes.data and not back.flags.writeable
    shared[0, 0] = 9  # what is shared is never written: the array gets memory of its own
    assert host[0, 0] == 0 and copied[0, 0] == 0 and shared[0, 0] == 9
    assert tnp.from_dlpack(copied, copy=True) is not copied
    for missing in (3, [1], object()):
        with pytest.raises((AttributeError, TypeError), match="__dlpack__"):
            tnp.from_dlpack(missing)


def test_exchange_with_versions() -> None:
    x = tnp.asarray([1.0, 2.0])
    assert x.__dlpack_device__() == (1, 0)
    for version in (None, (0, 8), (1, 0), (1, 1), (2, 0)):
        for copy in (None, False, True):
            name = repr(x.__dlpack__(max_version=version, copy=copy, dl_device=(1, 0)))
            is_new = version is not None and version[0] >= 1
            assert ("dltensor_versioned" in name) is is_new, name
    with pytest.raises(BufferError, match="CPU"):
        x.__dlpack__(dl_device=(2, 0))


@pytest.mark.parametrize("device", tnp.__array_namespace_info__().devices()[1:], ids=str)
def test_devices_export_copies_on_the_host(device: tw.Device) -> None:
    x = tnp.asarray([1.0, 2.0], dtype=tnp.float32, device=device)
    assert x.__dlpack_device__()[0] == 12
    with pytest.raises(BufferError, match="x.to"):
        x.__dlpack__()
    with pytest.raises(BufferError, match="x.to"):
        x.__dlpack__(dl_device=(1, 0), copy=False)

    class OnHost:
        def __dlpack__(self, **arguments: Any) -> Any:
            return x.__dlpack__(**{**arguments, "dl_device": (1, 0)})

        def __dlpack_device__(self) -> tuple[int, int]:
            return (1, 0)

    assert np.from_dlpack(OnHost()).tolist() == [1, 2]
