"""The API is not started again after a crash."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import declaring

DEFECT = Defect(
    id="stack-leaves-the-api-dead",
    family="recovery",
    incident="The process is killed by the kernel, and stays so until Monday.",
    service="stack",
    part="api",
    wrap=declaring(restart="no"),
    kills=("Health.Services Recover.The API Killed Heals",),
    says=r"api should be started again by its restart policy",
)
