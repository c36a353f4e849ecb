"""Comparing dtypes with what stands for them."""

import numpy as np

import tilewright as tw


def test_a_dtype_equals_its_name_and_numpys_and_never_none() -> None:
    assert tw.float64 == "float64"
    assert tw.float64 == np.float64
    assert tw.float64 != None  # noqa: E711
