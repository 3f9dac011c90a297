"""A checkpoint that holds every tensor of its model, or an error that says what is wrong with it.

transformers makes up what a checkpoint lacks, from a random generator, and logs a table.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

from lm_eval.models.huggingface import HFLM

from infocap_tasks.errors import InfocapError, one_line

_NUM_NAMED = 5

CreateModel = Callable[..., None]


def loads_whole_checkpoints(create_model: CreateModel) -> CreateModel:
    """``HFLM._create_model`` with a look at what the checkpoint lacks.

    It takes the argument ``allow_missing_tensors`` too, with which nothing is refused.
    """

    @wraps(create_model)
    def create(
        lm: HFLM, *positional: Any, allow_missing_tensors: bool = False, **arguments: Any
    ) -> None:
        auto_class = lm.AUTO_MODEL_CLASS
        lm.AUTO_MODEL_CLASS = _Loader(auto_class, refuses=not allow_missing_tensors)
        try:
            create_model(lm, *positional, **arguments)
        finally:
            lm.AUTO_MODEL_CLASS = auto_class

    return create


@contextmanager
def whole_checkpoints() -> Iterator[None]:
    """While this lasts, the harness's own transformers backends load like this too."""
    before = HFLM._create_model
    HFLM._create_model = loads_whole_checkpoints(before)  # type: ignore[method-assign]
    try:
        yield
    finally:
        HFLM._create_model = before  # type: ignore[method-assign]


class _Loader:
    """Stands in for an Auto class of transformers while the harness calls its from_pretrained."""

    def __init__(self, auto_class: Any, refuses: bool) -> None:
        self._auto_class = auto_class
        self._refuses = refuses

    def from_pretrained(self, name: str, *positional: Any, **arguments: Any) -> Any:
        if self._refuses:  # without this, transformers ends at a shape and does not name it
            arguments |= {"ignore_mismatched_sizes": True}
        try:
            model, found = self._auto_class.from_pretrained(
                name, *positional, output_loading_info=True, **arguments
            )
        except Exception as error:  # transformers raises whatever its readers raise
            raise InfocapError(
                f"model {name}: cannot be loaded ({one_line(error)}); {_remedy(error)}"
            ) from error
        if self._refuses:
            _refuse_incomplete(name, found)
        return model


def _remedy(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "install what is missing, or leave out the argument of --model_args that needs it"
    if isinstance(error, TypeError | ValueError | AttributeError):
        return "see whether --model_args fit this model"
    if "out of memory" in str(error):
        return "give a smaller dtype, such as dtype=bfloat16, or more devices"
    return "its weights are damaged, cut short or missing: copy or download them again"


def _refuse_incomplete(name: str, found: Mapping[str, Any]) -> None:
    missing = sorted(found["missing_keys"])
    mismatched = [
        f"{key} ({_shape(given)}, the model has {_shape(wanted)})"
        for key, given, wanted in sorted(found["mismatched_keys"])
    ]
    faults = [
        *([f"lacks {_named(missing)}"] if missing else []),
        *([f"has other shapes for {_named(mismatched)}"] if mismatched else []),
    ]
    if faults:
        raise InfocapError(
            f"model {name}: its checkpoint {' and '.join(faults)}, which would be random numbers; "
            "give a whole checkpoint of this architecture, or add allow_missing_tensors=True to "
            "--model_args"
        )


def _shape(sizes: Collection[int]) -> str:
    return "x".join(map(str, sizes))


def _named(keys: list[str]) -> str:
    more = len(keys) - _NUM_NAMED
    return ", ".join(keys[:_NUM_NAMED]) + (f" and {more} more tensors" if more > 0 else "")
