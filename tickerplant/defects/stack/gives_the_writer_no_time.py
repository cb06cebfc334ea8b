"""The writer has no grace period of its own."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import without

DEFECT = Defect(
    id="stack-gives-the-writer-no-time",
    family="declarations",
    incident="A deployment kills the writer in the middle of a commit, as the default of somebody else has it.",
    service="stack",
    part="writer",
    wrap=without("stop_grace_period"),
    kills=("Health.The Stack Is As Declared.Each Service Has Time To End",),
    says=r"a grace period, but not so: writer",
)
