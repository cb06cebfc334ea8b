"""Give memory back to the system once a burst of work is over."""

import ctypes

import pyarrow as pa


def use_returning_pool() -> None:
    """Have Arrow take its memory from the C library, which can give it back; its own pools keep it."""
    pa.set_memory_pool(pa.system_memory_pool())


def give_back() -> None:
    """Return what was freed; glibc would keep it for later, where other C libraries have no such call."""
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
