"""``ragnb report``: the report's notebook, executed by papermill, with a status for schedulers."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragnb import errors
from ragnb.errors import ConfigurationError, InvalidInputError, RagnbError, UnansweredError
from ragnb.evaluation.questions import read_questions
from ragnb.reports.alerts import alerts
from ragnb.reports.files import writable, write
from ragnb.reports.report import PAGE

NOTEBOOK = "report.ipynb"
_UNFINISHED = "unfinished.ipynb"
_SOURCE = Path(__file__).parents[2] / "notebooks" / "07_report.ipynb"


def template() -> Path:
    """The notebook: beside this file where ragnb is installed, else where it is edited."""
    installed = Path(__file__).with_name(NOTEBOOK)
    return installed if installed.exists() else _SOURCE


def parameter(written: str) -> tuple[str, Any]:
    """``name=value``, the value as JSON where it is any, else as text. Raises `InvalidInputError`."""
    name, sign, value = written.partition("=")
    if not name.isidentifier() or not sign:
        raise InvalidInputError(f"{written!r} is no parameter.", "Write it as NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def execute(notebook: Path, output: Path, parameters: Mapping[str, Any], kernel: str | None = None) -> int:
    """Run the notebook in a kernel of its own, with its log on this process's standard error, and write it
    beside the files of the report.

    Returns 0 where all was answered, 1 where something was not, or a threshold was passed. Raises
    `RagnbError` where it could not run: then what there was of an earlier run stays.
    """
    papermill, NoSuchKernel = _papermill()
    writable(output)
    alerts(parameters.get("alerts", ()))
    read_questions(parameters["questions"])
    _check(notebook, parameters, papermill)
    with tempfile.TemporaryDirectory(prefix="ragnb-report-") as folder:
        made = Path(folder, NOTEBOOK)
        options = {"progress_bar": False, "report_mode": True, "stdout_file": sys.stderr}
        try:
            papermill.execute_notebook(notebook, made, dict(parameters), kernel_name=kernel, **options)
        except NoSuchKernel as error:
            raise ConfigurationError(
                f"{error}.",
                "`jupyter kernelspec list` names those that there are, for --kernel; "
                "`python -m ipykernel install --user` makes python3.",
            ) from None
        except papermill.PapermillExecutionError as error:
            if error.ename != UnansweredError.__name__:
                raise _foreseen(error) or _unforeseen(error, made, output) from None
            status = 1
        except RuntimeError as error:  # nbclient's DeadKernelError
            raise RagnbError(
                f"The kernel ended before the report did: {error}.",
                "Start it again with the same run id: what was answered is not paid again.",
            ) from None
        else:
            status = 0
        _place(made, output / NOTEBOOK)
    print(output / PAGE)
    return status


def _papermill() -> tuple[Any, type[Exception]]:
    try:
        import papermill
        from jupyter_client.kernelspec import NoSuchKernel
    except ImportError:
        raise ConfigurationError(
            "A report is executed by papermill, which is not installed.",
            'Run: pip install "ragnb[notebook]"',
        ) from None
    return papermill, NoSuchKernel


def _check(notebook: Path, parameters: Mapping[str, Any], papermill: Any) -> None:
    """Raise `InvalidInputError` for a parameter that the notebook has not: papermill would only warn."""
    if not notebook.is_file():
        raise InvalidInputError(f"There is no notebook {notebook}.", "Check the path.")
    known = papermill.inspect_notebook(notebook)
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise InvalidInputError(
            f"{notebook.name} has no parameter called {', '.join(unknown)}.",
            f"There are: {', '.join(known) or 'none; it needs a cell with the tag “parameters”'}.",
        )


def _foreseen(error: Any) -> RagnbError | None:
    kind = getattr(errors, error.ename, None)
    return RagnbError(error.evalue) if isinstance(kind, type) and issubclass(kind, RagnbError) else None


def _unforeseen(error: Any, made: Path, output: Path) -> RagnbError:
    _place(made, output / _UNFINISHED)
    return RagnbError(
        f"The notebook failed with {error.ename}: {error.evalue}.",
        f"As far as it ran it is in {output / _UNFINISHED}.",
    )


def _place(made: Path, target: Path) -> None:
    """Put the executed notebook where it belongs, without papermill's banner: what it would say is said by
    the summary, and the paths in its metadata are of this machine."""
    notebook = json.loads(made.read_bytes())
    kept = [cell for cell in notebook["cells"] if "papermill-error-cell-tag" not in _tags(cell)]
    notebook["cells"] = kept
    notebook["metadata"].get("papermill", {}).update(input_path=None, output_path=target.name)
    try:
        write(target, [json.dumps(notebook, indent=1, ensure_ascii=False).encode(), b"\n"])
    except OSError as error:
        raise InvalidInputError(
            f"{target} cannot be written: {error.strerror}.", "Make room, or use another output folder."
        ) from error


def _tags(cell: Mapping[str, Any]) -> list[str]:
    found = cell["metadata"].get("tags", [])
    return found if isinstance(found, list) else []
