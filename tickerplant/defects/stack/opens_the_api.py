"""The API is published on all addresses of the host."""

from tickerplant.defects.model import Defect
from tickerplant.defects.stack._declared import declaring

DEFECT = Defect(
    id="stack-opens-the-api",
    family="declarations",
    incident="A port meant for the machine itself answers the whole company, past every firewall rule of the host.",
    service="stack",
    part="api",
    wrap=declaring(ports=["${API_PORT:-8080}:8080"]),
    kills=("Health.The Stack Is As Declared.No Port Is Open To The World",),
    says=r"ports on loopback only, but not so: api \(.* is open to the world\)",
)
