"""The harness seam for models, ``infocap-hf``, and below it the scorer and its engine."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infocap_tasks.backend.infocap_hf import InfocapHF

__all__ = ["InfocapHF"]


def __getattr__(name: str) -> Any:
    if name == "InfocapHF":
        from infocap_tasks.backend.infocap_hf import InfocapHF

        return InfocapHF
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
