"""CUDA without a GPU: every schedule becomes machine code, without spills; half products use the
matrix units. TILEWRIGHT_REQUIRE=nvrtc makes the absence of NVRTC's wheels a failure."""

from __future__ import annotations

import importlib.util
import os

import pytest
from grid_kernels import GRAPHS

import tilewright as tw
from tilewright.backends.cuda import nvrtc
from tilewright.backends.cuda.compiler import ARCHITECTURES, TABLE, CudaCompiler
from tilewright.lowering import pipeline

FRAGMENTS = ("product-float16", "product-bfloat16", "product-unknown-float16")


@pytest.fixture(scope="module")
def wheels() -> None:
    """NVRTC is installed."""
    try:
        nvrtc.version()
    except tw.CompileError as error:
        if "nvrtc" in os.environ.get("TILEWRIGHT_REQUIRE", "").split(","):
            raise
        pytest.skip(str(error))


def test_the_graphs_try_every_schedule() -> None:
    kinds = {g.kind for graph in GRAPHS.values() for g in pipeline.kernel_groups(graph)}
    assert kinds == set(TABLE)


@pytest.mark.usefixtures("wheels")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("name", GRAPHS)
def test_schedules_become_machine_code(name: str, architecture: str) -> None:
    compiler = CudaCompiler(architecture)
    for group in pipeline.kernel_groups(GRAPHS[name]):
        source = pipeline.source_of(group, compiler)
        made = compiler.machine_code(source)
        assert made.code.startswith(b"\x7fELF")
        assert set(made.usage) == {phase.symbol for phase in source.phases}
        for phase in source.phases:
            usage = made.usage[phase.symbol]
            assert usage.spill_stores == usage.spill_loads == usage.stack == 0, usage
            assert phase.launch is not None
            threads = phase.launch.block[0]
            assert usage.registers * threads <= 64 << 10, "one block must fit the registers"
            assert usage.shared <= 48 << 10
        assert ("wmma.mma.sync" in made.ptx) == (name in FRAGMENTS)


@pytest.mark.usefixtures("wheels")
def test_half_products_reach_the_matrix_instructions() -> None:
    """PTX asks for them; the machine code must hold them (HMMA), if its disassembler is here."""
    tool = nvrtc.find_wheels() / "bin" / "cuobjdump"
    if not tool.exists():
        pytest.skip("nvidia-cuda-cuobjdump is not installed")
    compiler = CudaCompiler("sm_90")
    (group,) = pipeline.kernel_groups(GRAPHS["product-float16"])
    listing = nvrtc.disassemble(compiler.object_code(pipeline.source_of(group, compiler)))
    assert listing.count("HMMA") >= 8


@pytest.mark.usefixtures("wheels")
def test_a_broken_kernel_is_refused_with_the_log() -> None:
    with pytest.raises(tw.CompileError, match=r"NVRTC refused a kernel for sm_80:\n.*nonsense"):
        nvrtc.compile_text('extern "C" __global__ void k() { nonsense(); }', "sm_80")
    with pytest.raises(tw.CompileError, match="sm_1"):
        nvrtc.compile_text('extern "C" __global__ void k() {}', "sm_1")


def test_missing_wheels_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    nvrtc.find_wheels.cache_clear()
    with pytest.raises(tw.CompileError, match=r"pip install 'tilewright\[cuda\]'"):
        nvrtc.find_wheels()
    nvrtc.find_wheels.cache_clear()


def test_it_says_that_it_runs_nothing_yet() -> None:
    (listed,) = [d for d in tw.devices() if d.name == "cuda"]
    assert "is not built yet" in listed.why
    with pytest.raises(tw.DeviceError, match="is not built yet"):
        tw.device("cuda")


def test_stages_as_text() -> None:
    compiler = CudaCompiler("sm_80")
    (group,) = pipeline.kernel_groups(GRAPHS["map"])
    source = pipeline.source_of(group, compiler)
    assert "blockIdx.x" in compiler.text(source, "tir")
    assert 'extern "C" __global__' in compiler.text(source, "source")


@pytest.mark.usefixtures("wheels")
def test_the_report_of_a_kernel_that_spills() -> None:
    """The check for spills can fail."""
    text = """extern "C" __global__ void __launch_bounds__(1024, 2) k(float* p) {
      float v[64];
      for (int i = 0; i < 64; ++i) v[i] = p[i * 999];
      __syncthreads();
      for (int i = 0; i < 64; ++i) p[i * 999] = v[i] * v[63 - i];
    }"""
    assert nvrtc.compile_text(text, "sm_80").usage["k"].spill_stores > 0
