"""Importing this module makes ``infocap-hf`` known to the harness by its name, without torch.

Releases of the harness after 0.4.13 find the same name in our entry points.
"""

# First the harness's own models: it adds them later only to a registry that is still empty.
import lm_eval.models  # noqa: F401
from lm_eval.api.registry import model_registry

if "infocap-hf" not in model_registry:
    model_registry.register("infocap-hf", target="infocap_tasks.backend.infocap_hf:InfocapHF")
