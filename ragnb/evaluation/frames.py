"""Rows as a DataFrame, where pandas is installed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ragnb.errors import ConfigurationError


def frame(rows: Iterable[Mapping[str, Any]]) -> Any:
    """A pandas DataFrame of the rows, by their ``id``. Raises `ConfigurationError` where pandas is not
    installed."""
    try:
        import pandas
    except ImportError:
        raise ConfigurationError(
            "A DataFrame needs pandas, which is not installed.", "Run: pip install pandas"
        ) from None
    return pandas.DataFrame(list(rows)).set_index("id")
