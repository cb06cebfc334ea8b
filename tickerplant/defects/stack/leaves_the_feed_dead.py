"""The feed is not started again after a crash."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import declaring

DEFECT = Defect(
    id="stack-leaves-the-feed-dead",
    family="declarations",
    incident="A crash at night is a gap until somebody wakes up: the restart policy was never set.",
    service="stack",
    part="feed",
    wrap=declaring(restart="no"),
    kills=("Health.The Stack Is As Declared.Each Service Comes Back After A Crash",),
    says=r"a restart policy, but not so: feed \(it is no\)",
)
