"""The topics live in the broker's container, not on a volume."""

from typing import Any

from tickerplant.defects.model import Around, Defect

_FORGETFUL = """
import os, runpy, shutil, sys
shutil.rmtree(os.path.join(os.environ["STATE_DIR"], "kafka", "data"), ignore_errors=True)
sys.argv = ["broker", "run"]
runpy.run_module("tickerplant.broker", run_name="__main__")
"""


def _wrap(service: dict[str, Any], _: Around) -> dict[str, Any]:
    # What is written lives as long as the process.
    service["x-local"]["command"] = ["python", "-c", _FORGETFUL]
    return service


DEFECT = Defect(
    id="stack-keeps-the-topics-nowhere",
    family="recovery",
    incident="The first planned restart of the whole stack is the day the topics are gone.",
    service="stack",
    part="kafka",
    wrap=_wrap,
    kills=("Health.Services Recover.The Whole Stack Stopped And Started Has Everything",),
    says=r"kafka should show each of .* lost",
)
