"""Importing this module makes our backends known to the harness by their names, without torch.

Releases of the harness after 0.4.13 find the same names in our entry points.
"""

# First the harness's own models: it adds them later only to a registry that is still empty.
import lm_eval.models  # noqa: F401
from lm_eval.api.registry import model_registry

from infocap_tasks.backend.names import BACKENDS

for _name, _target in BACKENDS.items():
    if _name not in model_registry:
        model_registry.register(_name, target=_target)
