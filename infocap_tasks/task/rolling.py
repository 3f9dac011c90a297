"""The harness's class for tasks of rolling log-likelihoods, and a check that it asks for them."""

from typing import Any

import lm_eval
import lm_eval.api.task

from infocap_tasks.errors import InfocapError
from infocap_tasks.task.harness_version import SUPPORTED

# From 0.5 on, the harness has a class for each kind of request, and the general one makes none.
_Task: Any = getattr(
    lm_eval.api.task, "LoglikelihoodRollingTask", lm_eval.api.task.ConfigurableTask
)


class RollingTask(_Task):
    """A task of the harness that makes a rolling request of each document, or fails."""

    def construct_requests(self, doc: dict[str, Any], ctx: Any, **kwargs: Any) -> Any:
        """The harness's request of a document.

        Raises:
            InfocapError: it makes none, and the document would be left out unnoticed.
        """
        requests = super().construct_requests(doc, ctx, **kwargs)
        if not requests:
            raise InfocapError(
                f"{doc['origin']}: lm-eval {lm_eval.__version__} makes no request for it, so it "
                f'would not be scored; run `pip install "lm-eval{SUPPORTED}"`'
            )
        return requests
