"""The broker has all rights of the host."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import declaring

DEFECT = Defect(
    id="stack-privileges-the-broker",
    family="declarations",
    incident="A flag set to debug something once: whoever gets into the container has the host.",
    service="stack",
    part="kafka",
    wrap=declaring(privileged=True),
    kills=("Health.The Stack Is As Declared.No Service Has Privileges",),
    says=r"no privileges, but not so: kafka \(it is privileged\)",
)
