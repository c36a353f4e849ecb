"""DLPack and the buffer protocol, with NumPy and PyTorch on the other side."""

from __future__ import annotations

import ctypes
import gc
import hashlib
import types
import weakref
from collections.abc import Callable

import numpy as np
import pytest
from native_support import CODES, F32, Array, array, dtypes, native, numpy


@pytest.mark.parametrize("name", [d.name for d in dtypes.ALL if d.name != "bfloat16"])
def test_numpy_reads_and_is_read(name: str) -> None:
    values = (np.arange(6) % 2).astype(name).reshape(2, 3)
    a = native.from_dlpack(values, False)
    assert type(a) is Array and a.dtype.name == name and a._address == values.ctypes.data
    back = np.from_dlpack(a)
    assert np.array_equal(back, values) and not back.flags.writeable
    assert back.ctypes.data == a._address


def test_strides_both_ways() -> None:
    values = np.arange(24.0).reshape(2, 3, 4)[:, ::-1, ::2].transpose(2, 0, 1)
    for copy in (True, False):
        a = native.from_dlpack(values, copy)
        assert np.array_equal(numpy(a), values) and a._is_view is not copy
        assert np.array_equal(np.from_dlpack(a), values)


def test_an_export_keeps_its_value() -> None:
    a = array([1.0, 2.0])
    exported = np.from_dlpack(a)
    native.write(a, array([9.0]))
    assert exported.tolist() == [1, 2] and native.tolist(a) == [9, 9]
    del a
    gc.collect()
    assert exported.tolist() == [1, 2]


def test_copies_on_demand() -> None:
    a = array([1.0, 2.0])
    copied = np.from_dlpack(a, copy=True)
    copied[0] = 5
    assert native.tolist(a) == [1, 2]
    old = a.__dlpack__()  # an older consumer, which does not know of read-only memory
    back = native.from_dlpack(
        types.SimpleNamespace(__dlpack__=lambda **_: old, __dlpack_device__=lambda: (1, 0)), False
    )
    assert native.tolist(back) == [1, 2] and back._address != a._address
    shared = a.__dlpack__(copy=False)  # who asks for the memory itself is trusted not to write
    back = native.from_dlpack(
        types.SimpleNamespace(__dlpack__=lambda **_: shared, __dlpack_device__=lambda: (1, 0)),
        False,
    )
    assert back._address == a._address
    with pytest.raises(BufferError, match="exported on the CPU"):
        a.__dlpack__(dl_device=(2, 0))
    assert a.__dlpack_device__() == (1, 0)


def test_older_producers() -> None:
    class Old:
        def __init__(self) -> None:
            self.values = np.arange(3.0)

        def __dlpack__(self, stream: object = None) -> object:
            return self.values.__dlpack__()

        def __dlpack_device__(self) -> tuple[int, int]:
            return (1, 0)

    assert native.tolist(native.from_dlpack(Old(), False)) == [0, 1, 2]


def test_capsules_are_freed_once() -> None:
    values = np.arange(3.0)
    alive = weakref.ref(values)
    a = native.from_dlpack(values, False)
    before = native.memory_stats()["in_use"]
    for version in (None, (1, 0)):
        capsule = a.__dlpack__(max_version=version)
        del capsule
    assert native.memory_stats()["in_use"] == before and a._holders == 1
    del values, a
    gc.collect()
    assert alive() is None


def _of_unknown_kind() -> types.SimpleNamespace:
    """A producer of elements of kind 17: that byte lies behind data, device and rank."""
    capsule = np.zeros(3).__dlpack__()
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    ctypes.c_uint8.from_address(pointer(capsule, b"dltensor") + 20).value = 17
    return types.SimpleNamespace(__dlpack__=lambda **_: capsule, __dlpack_device__=lambda: (1, 0))


def test_refusals() -> None:
    with pytest.raises(TypeError, match="from_dlpack: got int; wanted an object with __dlpack__"):
        native.from_dlpack(3, False)
    gpu = types.SimpleNamespace(__dlpack__=lambda **_: None, __dlpack_device__=lambda: (2, 0))
    with pytest.raises(ValueError, match="device type 2"):
        native.from_dlpack(gpu, False)
    with pytest.raises(TypeError, match="no dtype fits"):
        native.from_dlpack(_of_unknown_kind(), False)
    wrong = types.SimpleNamespace(__dlpack__=lambda **_: 3, __dlpack_device__=lambda: (1, 0))
    with pytest.raises((TypeError, ValueError)):
        native.from_dlpack(wrong, False)
    used = types.SimpleNamespace(
        __dlpack__=(lambda c: lambda **_: c)(np.zeros(3).__dlpack__()),
        __dlpack_device__=lambda: (1, 0),
    )
    native.from_dlpack(used, False)
    with pytest.raises(ValueError):
        native.from_dlpack(used, False)
    with pytest.raises(ValueError, match="being traced"):
        native.traced((1,), F32, "p").__dlpack__()


def test_buffers_in_a_wanted_order() -> None:
    turned = native.view(array(np.zeros((2, 3), "f4")), (3, 2), (1, 3), 0, None)
    assert np.asarray(turned).flags.f_contiguous
    for kind in ("C", "F", "A"):
        assert len(memoryview(turned).tobytes(kind)) == 24
    with pytest.raises(BufferError, match="strided|another order"):
        hashlib.sha256(turned)


def test_buffer_protocol() -> None:
    a = array(np.arange(6, dtype="int16").reshape(2, 3))
    view = memoryview(a)
    assert (view.format, view.shape, view.strides, view.readonly) == ("h", (2, 3), (6, 2), True)
    assert a._holders == 2
    with pytest.raises(TypeError):
        view[0, 0] = 1
    del view
    assert a._holders == 1 and bytes(a) == np.arange(6, dtype="int16").tobytes()
    turned = native.view(a, (3, 2), (1, 3), 0, None)
    assert memoryview(turned).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert np.asarray(turned).strides == (2, 6)


def test_pytorch(oracle: Callable[[str], types.ModuleType]) -> None:
    torch = oracle("torch")
    x = torch.arange(6, dtype=torch.bfloat16).reshape(2, 3).t()
    a = native.from_dlpack(x, False)
    assert a._code == CODES["bfloat16"] and native.tolist(a) == x.tolist()
    assert torch.equal(torch.from_dlpack(a), x)
