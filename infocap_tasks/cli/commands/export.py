"""``infocap export``: results for other pipelines."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infocap_tasks.cli.options import add_results, say, select_runs
from infocap_tasks.cli.output import (
    FOLDER_FORMAT,
    add_output,
    chosen_format,
    deliver,
    write_text,
)
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.export import Evaluator, column_type, every_eval_ever, faults, flat_rows
from infocap_tasks.report.files import whole_file
from infocap_tasks.report.tables import as_csv, as_json
from infocap_tasks.results.run import Run

_DESCRIPTION = """\
  csv, parquet     one row a run: every metric with its standard error, provenance, benchmarks
  every_eval_ever  one JSON file a run in the shared format of that name, in the folder -o, as
                   data/infocap-tasks/DEVELOPER/MODEL/UUID.json; validated with the package
                   every-eval-ever (Python 3.12 or newer; pip install "infocap-tasks[export]");
                   published rows are not among them
"""
_RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = commands.add_parser(
        "export",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_results(parser)
    add_output(parser, ["csv", "parquet", FOLDER_FORMAT])
    parser.add_argument(
        "--organization",
        default="unknown",
        metavar="NAME",
        help="every_eval_ever: who ran the evaluation",
    )
    parser.add_argument(
        "--relationship",
        choices=_RELATIONSHIPS,
        default="third_party",
        help="every_eval_ever: how they stand to who made the model (default third_party)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Export; the exit status is 1 where a file was left out."""
    name = chosen_format(options)
    if options.output is None and name != "csv":
        what = "folder" if name == FOLDER_FORMAT else "file"
        raise InfocapError(f"--format {name} needs a {what} to write to; add -o PATH")
    selection = select_runs(options)
    if name == FOLDER_FORMAT:
        evaluator = Evaluator(options.organization, options.relationship)
        _write_records(selection.runs, evaluator, options.output)
    elif name == "parquet":
        _write_parquet(flat_rows(selection.runs), options.output)
    else:
        deliver(options, lambda _: as_csv(flat_rows(selection.runs)))
    return selection.status


def _write_records(runs: Sequence[Run], evaluator: Evaluator, folder: Path) -> None:
    """All records, once all of them are known to be valid.

    Raises:
        InfocapError: there is nothing to write, a record is not valid, or it cannot be written.
    """
    own = [run for run in runs if not run.is_published]
    if len(own) < len(runs):
        say(f"{len(runs) - len(own)} published rows left out: others evaluated these, not lm_eval")
    if not own:
        raise InfocapError(
            f"--format {FOLDER_FORMAT} is for evaluations of your own, and all rows are published; "
            "give results of infocap eval, or choose --format csv or parquet"
        )
    records = [every_eval_ever(run, evaluator) for run in own]
    for record in records:
        found = faults(record.content)
        if found:
            raise InfocapError(
                f"{record.path}: not valid by every-eval-ever, {found[0]}; nothing is written. "
                "Its schema may have changed: install every-eval-ever 0.3"
            )
    if faults(records[0].content) is None:
        say(
            "not validated: every-eval-ever is not installed (Python 3.12 or newer; "
            'pip install "infocap-tasks[export]")'
        )
    for record in records:
        path = folder / record.path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InfocapError(f"-o {folder}: cannot be made ({error.strerror})") from error
        write_text(path, as_json(record.content) + "\n")
    print(f"{len(records)} records in {folder}")


def _write_parquet(rows: Sequence[dict[str, Any]], path: Path) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InfocapError(
            '--format parquet needs pyarrow; pip install "infocap-tasks[export]"'
        ) from error
    arrow = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    types = {name: column_type(name) for name in rows[0]}
    typed = [{k: None if v is None else types[k](v) for k, v in row.items()} for row in rows]
    schema = pyarrow.schema([(name, arrow[type_]) for name, type_ in types.items()])
    with whole_file(path) as unfinished:
        parquet.write_table(pyarrow.Table.from_pylist(typed, schema), unfinished)
