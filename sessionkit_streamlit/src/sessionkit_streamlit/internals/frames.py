# SPDX-License-Identifier: Apache-2.0
"""Tables as Streamlit reads them: any kind of data as a frame and back, and what a cell takes."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from sessionkit_streamlit.internals.guard import guarded

if TYPE_CHECKING:
    import pandas as pd

INDEX: Final = "_index"
"""What Streamlit calls a table's index among its columns."""

_EFFECT: Final = "data_editor takes pandas' frames alone, and gives them back"


def frame_of(data: Any) -> pd.DataFrame:  # noqa: ANN401 - whatever st.data_editor takes
    """Return data as a frame of its own; raises what Streamlit raises for what is no table."""

    def read() -> pd.DataFrame | None:
        module = importlib.import_module("streamlit.dataframe_util")
        return cast("pd.DataFrame", module.convert_anything_to_pandas_df(data, ensure_copy=True))

    name = "dataframe_util.convert_anything_to_pandas_df"
    frame = guarded(read, name, _EFFECT, otherwise=None)
    return cast("pd.DataFrame", data.copy()) if frame is None else frame


def like(frame: pd.DataFrame, data: Any) -> Any:  # noqa: ANN401 - as above
    """Return a frame as data of the kind that other data are of."""

    def read() -> Any:  # noqa: ANN401 - as above
        module = importlib.import_module("streamlit.dataframe_util")
        return module.convert_pandas_df_to_data_format(frame, module.determine_data_format(data))

    name = "dataframe_util.convert_pandas_df_to_data_format"
    return guarded(read, name, _EFFECT, otherwise=frame)


def columns_of(frame: pd.DataFrame) -> dict[str, int]:
    """Return the positions of a frame's columns by the names that Streamlit gives them in the browser."""
    names: list[Any] = list(frame.columns)
    return {
        "_".join(map(str, name)) if isinstance(name, tuple) else str(name): position
        for position, name in enumerate(names)
    }


def readers_of(frame: pd.DataFrame) -> Callable[[str, Any], Any]:
    """Return what makes a value for a column, called by its name, of one that the browser sent; None of what is none."""

    def read() -> Callable[[str, Any], Any]:
        pa = importlib.import_module("pyarrow")
        utils = importlib.import_module("streamlit.elements.lib.column_config_utils")
        parse = importlib.import_module("streamlit.elements.widgets.data_editor")._parse_value  # noqa: SLF001
        named = frame.set_axis(list(columns_of(frame)), axis=1)
        kinds = utils.determine_dataframe_schema(named, pa.Table.from_pandas(named).schema)
        return lambda column, value: parse(value, kinds[column])

    effect = "edits of dates and decimals come back as texts"
    return guarded(read, "data_editor._parse_value", effect, otherwise=lambda _, value: value)
