"""Information capacity of language models, as tasks for lm-evaluation-harness.

The public names are those of ``__all__``. Each is loaded when it is first used: importing this
package loads neither torch nor transformers nor the harness.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from infocap_tasks.errors import naming_extras

if TYPE_CHECKING:
    from infocap_tasks.analysis.languages import languages
    from infocap_tasks.analysis.over_corpora import over_corpora
    from infocap_tasks.analysis.questions import (
        compare,
        correlate,
        explain,
        fit_bias,
        leaderboard,
        on_shared_documents,
        predict,
        read_runs,
    )
    from infocap_tasks.errors import InfocapError
    from infocap_tasks.flops.named import count_flops
    from infocap_tasks.models.measure import measure_tokenizers
    from infocap_tasks.models.tokenizers import load as load_tokenizer
    from infocap_tasks.report.frame import to_frame
    from infocap_tasks.results.published import published_runs
    from infocap_tasks.task.folder import task_configs_dir
    from infocap_tasks.task.score import score

__version__ = "0.1.0"

__all__ = [
    "InfocapError",
    "compare",
    "correlate",
    "count_flops",
    "explain",
    "fit_bias",
    "languages",
    "leaderboard",
    "load_tokenizer",
    "measure_tokenizers",
    "on_shared_documents",
    "over_corpora",
    "predict",
    "published_runs",
    "read_runs",
    "score",
    "task_configs_dir",
    "to_frame",
]

# Where each public name is, as the imports above say it to type checkers.
_HOMES = {
    "InfocapError": "infocap_tasks.errors",
    **dict.fromkeys(
        (
            "compare",
            "correlate",
            "explain",
            "fit_bias",
            "leaderboard",
            "on_shared_documents",
            "predict",
            "read_runs",
        ),
        "infocap_tasks.analysis.questions",
    ),
    "count_flops": "infocap_tasks.flops.named",
    "languages": "infocap_tasks.analysis.languages",
    "load_tokenizer": "infocap_tasks.models.tokenizers:load",
    "measure_tokenizers": "infocap_tasks.models.measure",
    "over_corpora": "infocap_tasks.analysis.over_corpora",
    "published_runs": "infocap_tasks.results.published",
    "score": "infocap_tasks.task.score",
    "task_configs_dir": "infocap_tasks.task.folder",
    "to_frame": "infocap_tasks.report.frame",
}

if not TYPE_CHECKING:  # so that type checkers refuse names that are not there

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, _, attribute = _HOMES[name].partition(":")
        with naming_extras(f"infocap_tasks.{name}"):
            value = globals()[name] = getattr(import_module(module), attribute or name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
