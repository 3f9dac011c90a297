"""A study: the harness's ``--config`` file with a list of models; each of them is a row.

All keys of ``lm_eval run --config`` mean what they mean there. A model is a hub id, a folder, or a
mapping that overrides these keys for it.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infocap_tasks.errors import InfocapError, did_you_mean
from infocap_tasks.paths import studies_dir
from infocap_tasks.sweep.located import Located
from infocap_tasks.task.command_line import as_arguments, parser

# Of a model alone; the first ones are short for its model_args.
_ARGUMENTS = ("pretrained", "revision", "base_url")
_OF_A_ROW = ("revisions", "gpus", "series", "label", "timeout")
# Arguments of the harness's backends, any of which names a model.
_NAMING = ("pretrained", "model", "base_url", "path", "engine")
# Arguments of engines, whose product is the number of GPUs that they take.
_SPLITS = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "tp_size")
# What a sweep sets itself.
_OURS = {
    "config": "it is the study",
    "use_cache": "each row keeps its answers by itself",
    "models": "a model has no models",
}


@dataclass(frozen=True)
class Row:
    """One model with all its tasks.

    Attributes:
        name: of its folder, from its label or its model.
        config: what ``lm_eval run --config`` reads, tasks included.
        place: ``FILE:LINE`` where the study names it.
        label: what boards call it; None for the model's own name.
        series: the series that it belongs to; None for the one that its name tells.
        gpus: how many it needs; None where the study does not say.
        timeout_s: seconds after which it is given up; None for never.
    """

    name: str
    config: Mapping[str, Any]
    place: str
    label: str | None = None
    series: str | None = None
    gpus: int | None = None
    timeout_s: float | None = None

    @property
    def tasks(self) -> list[str]:
        """Names and patterns of its tasks, as the study has them."""
        tasks = self.config["tasks"]
        names = tasks.split(",") if isinstance(tasks, str) else tasks
        return [name.strip() for name in names]

    @property
    def gpus_told(self) -> int | None:
        """GPUs that the study says, or its engine is told to split the model over."""
        if self.gpus is not None:
            return self.gpus
        splits = [self.config["model_args"].get(name, 1) for name in _SPLITS]
        told = math.prod(split for split in splits if isinstance(split, int))
        return told if told > 1 else None

    @property
    def model(self) -> str:
        """The model as the harness is given it."""
        return str(_naming(self.config["model_args"]))

    @property
    def name_in_results(self) -> str:
        """The model as results files name it, with its revision."""
        revision = self.config["model_args"].get("revision", "main")
        return self.model if revision == "main" else f"{self.model}@{revision}"


@dataclass(frozen=True)
class Study:
    """Rows, and the folder for all that comes of them."""

    path: Path
    folder: Path
    rows: Sequence[Row]

    def row(self, name: str) -> Row:
        """The row of this name.

        Raises:
            InfocapError: there is none.
        """
        for row in self.rows:
            if row.name == name:
                return row
        names = [row.name for row in self.rows]
        raise InfocapError(
            f"row {name}: {self.path} has none of this name; {did_you_mean(name, names)}"
            f"choose from {', '.join(names)}"
        )


def read_study(given: str) -> Study:
    """The study in a file, or a shipped one by its name, such as ``paper``.

    Raises:
        InfocapError: it cannot be used; the message begins with file and line.
    """
    path = Path(given)
    if not path.suffix and not os.path.exists(given):  # noqa: PTH110 (no path is an error here)
        shipped = studies_dir() / f"{given}.yaml"
        if not os.path.isfile(shipped):  # noqa: PTH113
            names = sorted(file.stem for file in studies_dir().glob("*.yaml"))
            raise InfocapError(
                f"{given}: no such file; give a study, or one of ours: {', '.join(names)}"
            )
        path = shipped
    located = Located(path)
    _refuse_unknown(located.content, {*_config_keys(), "models"}, located)
    models = located.content.get("models")
    if not isinstance(models, list) or not models:
        raise InfocapError(f"{located.place('models')}: models: must be a list of at least one")
    rows = [row for number in range(len(models)) for row in _rows(located, number)]
    _refuse_twins(rows)
    folder = located.content.get("output_path") or path.stem
    if not isinstance(folder, str):
        raise InfocapError(f"{located.place('output_path')}: output_path: must be a folder")
    return Study(path, Path(folder), rows)


def _config_keys() -> set[str]:
    """The keys of ``lm_eval run --config``: its flags."""
    return {action.dest for action in parser("infocap sweep")._actions} - {"help"}


def _rows(located: Located, number: int) -> list[Row]:
    """A model's row, or one for each of its revisions."""
    given = located.content["models"][number]
    place = located.place("models", number)
    if isinstance(given, str) and given.strip():
        given = {"pretrained": given}
    if not isinstance(given, dict):
        raise InfocapError(f"{place}: a model is a name or a mapping of keys, not {given!r}")
    known = {*_config_keys(), *_ARGUMENTS, *_OF_A_ROW} - {"output_path"}
    _refuse_unknown(given, known, located, "models", number)
    return [
        _row(located, number, given, revision) for revision in _revisions(located, number, given)
    ]


def _revisions(located: Located, number: int, given: Mapping[str, Any]) -> list[str | None]:
    """The revisions of a model; None for that which the hub gives by itself."""
    key = "revisions" if "revisions" in given else "revision"
    place = located.place("models", number, key)
    if "revisions" in given and "revision" in given:
        raise InfocapError(f"{place}: give revision: or revisions:, not both")
    if key == "revision":
        if given.get(key) is None:
            return [None]
        revisions = [given[key]]
    else:
        revisions = given[key]
    if not isinstance(revisions, list) or not revisions:
        raise InfocapError(f"{place}: revisions: must be a list of at least one")
    for revision in revisions:
        is_name = isinstance(revision, str | int) and not isinstance(revision, bool)
        if not is_name or not str(revision).strip():
            raise InfocapError(
                f"{place}: {key}: {revision!r}: must be a branch, tag or commit, in quotes"
            )
    return [str(revision) for revision in revisions]


def _row(located: Located, number: int, given: Mapping[str, Any], revision: str | None) -> Row:
    def place_of(key: str) -> str:
        return located.place("models", number, key)

    place = located.place("models", number)
    config = _config(located, number, given, revision)
    label, series = (_text(given, key, place_of(key)) for key in ("label", "series"))
    gpus = given.get("gpus")
    if gpus is not None and (not isinstance(gpus, int) or isinstance(gpus, bool) or gpus < 0):
        raise InfocapError(f"{place_of('gpus')}: gpus: {gpus!r}: must be a whole number from 0")
    named = _naming(config["model_args"])
    if not isinstance(named, str) or not named.strip():
        raise InfocapError(
            f"{place}: names no model; give pretrained: HUB_ID_OR_FOLDER, or base_url: for a server"
        )
    name = label or re.split(r"[/\\]", named.rstrip("/\\"))[-1]
    if revision is not None:
        name = f"{name}@{revision}"
        label = name if label else None
    name = re.sub(r"[^\w.+@-]+", "_", name).lstrip(".")
    if not name:
        raise InfocapError(
            f"{place_of('label')}: {label or named}: gives its folder no name; give it a label: "
            "with letters"
        )
    return Row(
        name=name,
        config=config,
        place=place,
        label=label,
        series=series,
        gpus=gpus,
        timeout_s=_seconds(given.get("timeout"), place_of("timeout")),
    )


def _naming(arguments: Mapping[str, Any]) -> Any:
    """The argument that names the model; None where none does."""
    return next((arguments[key] for key in _NAMING if arguments.get(key)), None)


def _config(
    located: Located, number: int, given: Mapping[str, Any], revision: str | None
) -> dict[str, Any]:
    """The keys of the harness: the study's, and over them the model's."""
    keys = _config_keys()
    common = {key: value for key, value in located.content.items() if key in keys}
    common.pop("output_path", None)
    own = {key: value for key, value in given.items() if key in keys}
    config = common | own
    for key in ("model_args", "metadata"):
        of_study = _arguments(located, common, key, (key,))
        config[key] = of_study | _arguments(located, own, key, ("models", number, key))
    short = {key: given[key] for key in _ARGUMENTS if given.get(key) is not None}
    if revision is not None:
        short["revision"] = revision
    config["model_args"] |= short
    _refuse_tasks(located, number, config.get("tasks"), "tasks" in own)
    return config


def _refuse_tasks(located: Located, number: int, tasks: Any, is_own: bool) -> None:
    place = located.place(*(("models", number) if is_own else ()), "tasks")
    if not tasks:
        has_key = is_own or "tasks" in located.content
        raise InfocapError(
            f"{place if has_key else located.place('models', number)}: has no tasks; "
            "add tasks: [infocap] to the study"
        )
    names = tasks.split(",") if isinstance(tasks, str) else tasks
    if not isinstance(names, list) or not all(isinstance(n, str) and n.strip() for n in names):
        raise InfocapError(f"{place}: tasks: must be names, as a list or separated by commas")


def _arguments(
    located: Located, config: Mapping[str, Any], key: str, place: tuple[str | int, ...]
) -> dict[str, Any]:
    given = config.get(key)
    is_mapping = isinstance(given, dict) and all(isinstance(name, str) for name in given)
    is_text = isinstance(given, str) and all("=" in part for part in given.split(",") if part)
    if given is None or is_mapping or is_text:
        return as_arguments(given)
    raise InfocapError(
        f"{located.place(*place)}: {key}: must be a mapping of names, or NAME=VALUE,NAME=VALUE"
    )


def _text(given: Mapping[str, Any], key: str, place: str) -> str | None:
    value = given.get(key)
    if key in given and (not isinstance(value, str) or not value.strip()):
        raise InfocapError(f"{place}: {key}: must be a name, not {value!r}")
    return value


_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(given: Any, place: str) -> float | None:
    if given is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd]?)", str(given))
    seconds = float(found[1]) * _UNITS_S[found[2] or "s"] if found else 0.0
    if not seconds > 0 or math.isinf(seconds):
        raise InfocapError(f"{place}: timeout: {given!r}: must be seconds, or such as 90m or 12h")
    return seconds


def _refuse_unknown(
    given: Mapping[Any, Any], known: set[str], located: Located, *above: str | int
) -> None:
    for key in given:
        if key in _OURS and (above or key != "models"):
            raise InfocapError(f"{located.place(*above, key)}: {key}: not in a study: {_OURS[key]}")
        if key not in known:
            where = "a model" if above else "a study"
            raise InfocapError(
                f"{located.place(*above, key)}: {' '.join(str(key).split())}: no key of {where}; "
                f"{did_you_mean(str(key), known)}see `lm_eval run --help`"
            )


def _refuse_twins(rows: Sequence[Row]) -> None:
    of_name: dict[str, Row] = {}
    with_series: dict[str, Row] = {}
    for row in rows:
        twin = of_name.setdefault(row.name.casefold(), row)
        if twin is not row:
            raise InfocapError(
                f"{row.place}: {row.name}: is the name of {twin.place} too; give one a label:"
            )
        if row.series is None:
            continue
        other = with_series.setdefault(row.name_in_results, row)
        if other.series != row.series:  # boards know the series of a model, not of a row
            raise InfocapError(
                f"{row.place}: series: {row.series}: {other.place} has {other.series} for the "
                "same model; give both the same"
            )
