"""The feed may take as much memory as no machine has."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import declaring

DEFECT = Defect(
    id="stack-lets-the-feed-take-all",
    family="limits",
    incident="A limit was raised for one night of loading, and never set back: a leak ends the machine instead.",
    service="stack",
    part="feed",
    wrap=declaring(mem_limit="64g"),
    kills=("Health.Services Recover.A Service Beyond Its Memory Limit Is Ended And Comes Back",),
    says=r"feed should be ended for want of memory",
)
