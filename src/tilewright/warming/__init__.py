"""`tilewright warmup`: the kernels that eager code needs, compiled before they are needed."""
