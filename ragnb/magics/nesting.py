"""``asyncio.run(main())`` in a cell, where a loop runs already."""

from __future__ import annotations

import asyncio


def nest() -> None:
    """Let code written for scripts run in a notebook unchanged; says so in a line where that cannot be."""
    if hasattr(asyncio, "_nest_patched"):  # somebody else has done it
        return
    try:
        # Its older namesake nest_asyncio breaks where ipykernel 7 runs all cells in one context.
        import nest_asyncio2  # type: ignore[import-untyped]
    except ImportError:
        print("asyncio.run will not work in cells: pip install nest-asyncio2, then load ragnb again.")
        return
    try:
        nest_asyncio2.apply(asyncio.get_running_loop())
    except RuntimeError:  # the kernel starts, its loop comes later and is of the same class
        loop = asyncio.new_event_loop()
        nest_asyncio2.apply(loop)
        loop.close()
    except ValueError:
        print("asyncio.run will not work in cells: this kernel's event loop is not asyncio's own.")
