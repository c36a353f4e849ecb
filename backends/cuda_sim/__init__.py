"""A device that runs CUDA kernels on the processor, a block thread by thread."""
