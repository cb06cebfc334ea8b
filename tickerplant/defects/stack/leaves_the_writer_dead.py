"""The writer is started again only a second time."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import declaring

DEFECT = Defect(
    id="stack-leaves-the-writer-dead",
    family="recovery",
    incident="Three bad starts in a row, as in any longer outage of a neighbour, and nobody tries any more.",
    service="stack",
    part="writer",
    wrap=declaring(restart="on-failure:2"),
    kills=("Health.Services Recover.A Crash Loop Is Visible",),
    says=r"writer should be restarted 4 times by its policy",
)
