"""The one way in which this package compiles loops: Numba, without the interpreter lock, cached on disk.

Compiling costs about a second per kernel, once per machine: the result lies in __pycache__, or in Numba's user cache
where the package cannot be written to. Numba notices a changed file but not a changed callee or constant in another
file, so a kernel may only use functions and constants of its own module; everything else is an argument.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile `function` at its first call; integer and float64 semantics are those of numpy."""
    try:
        return cast(Function, numba.njit(nogil=True, cache=True)(function))
    except RuntimeError:  # neither the package nor the user cache can be written: compile in every process
        return cast(Function, numba.njit(nogil=True)(function))
