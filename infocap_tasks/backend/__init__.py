"""The harness seam for models, and below it the scorer and its engine.

Importing ``InfocapHF`` makes ``infocap-hf`` known to the harness.
"""

from typing import TYPE_CHECKING, Any

# First the harness's own models: it adds them later only to a registry that is still empty.
import lm_eval.models  # noqa: F401
from lm_eval.api.registry import model_registry

if TYPE_CHECKING:
    from infocap_tasks.backend.infocap_hf import InfocapHF

__all__ = ["InfocapHF"]

# By name, so that torch is loaded when the model is. Releases of the harness after 0.4.13 find the
# same name in our entry points.
if "infocap-hf" not in model_registry:
    model_registry.register("infocap-hf", target="infocap_tasks.backend.infocap_hf:InfocapHF")


def __getattr__(name: str) -> Any:
    if name == "InfocapHF":
        from infocap_tasks.backend.infocap_hf import InfocapHF

        return InfocapHF
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
