"""The feed shares the network of the host."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import declaring

DEFECT = Defect(
    id="stack-puts-the-feed-on-the-host",
    family="declarations",
    incident="A service reaches, and is reached by, all that listens on the host.",
    service="stack",
    part="feed",
    wrap=declaring(network_mode="host"),
    kills=("Health.The Stack Is As Declared.No Service Shares The Network Of The Host",),
    says=r"a network of its own, but not so: feed \(it shares that of the host\)",
)
