"""The writer runs as process 1 with nobody to hand on signals and reap children."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import without

DEFECT = Defect(
    id="stack-forgets-init",
    family="declarations",
    incident="Asked to end, process 1 without a handler does not hear it, and is killed after the grace period.",
    service="stack",
    part="writer",
    wrap=without("init"),
    kills=("Health.The Stack Is As Declared.Each Service Has An Init Process",),
    says=r"an init process, but not so: writer",
)
