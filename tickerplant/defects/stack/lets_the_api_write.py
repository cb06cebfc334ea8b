"""The API may write into its image."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import declaring

DEFECT = Defect(
    id="stack-lets-the-api-write",
    family="declarations",
    incident="Whoever breaks into the service that faces the world can leave a program there.",
    service="stack",
    part="api",
    wrap=declaring(read_only=False),
    kills=("Health.The Stack Is As Declared.No Service Writes Into Its Image",),
    says=r"a read-only root, but not so: api \(it can be written\)",
)
