"""``infocap export``: results for other pipelines."""

import argparse

from infocap_tasks.cli.commands import new_command
from infocap_tasks.cli.options import add_results, select_runs
from infocap_tasks.cli.output import (
    FOLDER_FORMAT,
    add_output,
    chosen_format,
    count,
    deliver,
    say,
    say_written,
)
from infocap_tasks.errors import InfocapError
from infocap_tasks.report.export import Evaluator, flat_rows, write_parquet, write_records
from infocap_tasks.report.tables import as_csv

_DESCRIPTION = """\
  csv, parquet     one row a run: every metric with its standard error, provenance, benchmarks
  every_eval_ever  one JSON file a run in the shared format of that name, in the folder -o, as
                   data/infocap-tasks/DEVELOPER/MODEL/UUID.json; validated with the package
                   every-eval-ever (Python 3.12 or newer; pip install "infocap-tasks[export]");
                   published rows are left out
"""
_RELATIONSHIPS = ("first_party", "third_party", "collaborative", "other")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = new_command(commands, "export", _DESCRIPTION, run)
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
        help="every_eval_ever: their relationship to the model's developer (default third_party)",
    )


def run(options: argparse.Namespace) -> int:
    """Export; the exit status is 1 if a file was left out."""
    name = chosen_format(options)
    if options.output is None and name != "csv":
        what = "folder" if name == FOLDER_FORMAT else "file"
        raise InfocapError(f"--format {name} needs a {what} to write to; add -o PATH")
    selection = select_runs(options)
    if name == FOLDER_FORMAT:
        evaluator = Evaluator(options.organization, options.relationship)
        num_records, remarks = write_records(selection.runs, evaluator, options.output)
        for line in remarks:
            say(line)
        num_left_out = len(selection.runs) - num_records
        say_written(options, count(num_records, "record", num_left_out))
        return selection.status
    rows = flat_rows(selection.runs)
    if name == "parquet":
        write_parquet(rows, options.output)
        say_written(options, count(len(rows), "run"))
    else:
        deliver(options, lambda _: as_csv(rows), count(len(rows), "run"))
    return selection.status
