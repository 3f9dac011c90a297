"""What --metadata takes, for the help of ``infocap eval`` and for the reference page."""

import textwrap

from infocap_tasks.task.keys import METADATA, MODEL_ARGS, YAML, Setting, settings_given_in

_PREFACE = """\
infocap eval: score a model with lm-evaluation-harness and our tasks beside its own.
It takes every flag of `lm_eval run`, below, with our task folder added to --include_path. The
default --model is infocap-hf: exact, out of the logits' memory, one BOS token, batches by tokens
(--batch_size auto unless you set it). With --model hf, add_bos_token=False and
softmax_dtype=float32 are put in unless you set them.
  --cache DIR                            keep answers after every batch; start a killed run again
  --name NAME                            call the run this in boards and figures
"""
_UNKNOWN_KEYS = """\
A key of --metadata that no infocap task knows is refused, so that a misspelt one is not silently
left out. Where a task that is not ours runs too, it may have keys of its own: then only a key that
looks like a misspelling of one of ours is refused.
"""
_FLAG_WIDTH = 39
_LINE_WIDTH = 100

_PLACES = {
    METADATA: "Given with `--metadata`",
    YAML: "Given in a task's YAML, under `metadata`",
    MODEL_ARGS: "Given with `--model_args`, and read by the tasks too",
}


def eval_preface() -> str:
    """What ``infocap eval --help`` says before the harness's own help."""
    settings = "\n".join(_help_lines(setting) for setting in settings_given_in(METADATA))
    return f"{_PREFACE}{settings}\n{_UNKNOWN_KEYS}"


def _help_lines(setting: Setting) -> str:
    default = f" (default: {setting.default})" if setting.default else ""
    flag = f"  --metadata {setting.name}={setting.example}"
    # A flag too long for its column has it to itself.
    start = flag.ljust(_FLAG_WIDTH) + "  " if len(flag) <= _FLAG_WIDTH else f"{flag}\n"
    lines = textwrap.wrap(
        setting.meaning + default,
        _LINE_WIDTH,
        initial_indent=" " * (_FLAG_WIDTH + 2),
        subsequent_indent=" " * (_FLAG_WIDTH + 2),
    )
    indented = "\n".join(lines)
    return start + (indented if start.endswith("\n") else indented.lstrip())


def settings_markdown() -> str:
    """The keys as Markdown tables, one for each place where they are given."""
    tables = [f"{heading}:\n\n{_table(place)}" for place, heading in _PLACES.items()]
    return "\n\n".join([*tables, _UNKNOWN_KEYS])


def _table(place: str) -> str:
    rows = [
        (f"`{s.name}`", s.meaning, s.unit, s.default, f"`{s.name}={s.example}`")
        for s in settings_given_in(place)
    ]
    header = ("key", "meaning", "unit", "default", "example")
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows))
