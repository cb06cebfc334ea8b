"""The writer may take all memory of the machine."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import without

DEFECT = Defect(
    id="stack-lets-the-writer-grow",
    family="declarations",
    incident="A leak in one service ends its neighbours: it had no limit of its own.",
    service="stack",
    part="writer",
    wrap=without("mem_limit"),
    kills=("Health.The Stack Is As Declared.Each Service Has A Memory Limit",),
    says=r"a memory limit, but not so: writer \(there is none\)",
)
