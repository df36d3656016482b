"""The command `forge manifest`: the Forge app's manifest for this connector, from the template in the package. Asks nobody."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

import click

from connector.errors import InputError
from connector.settings import load_settings

TEMPLATE = Path(__file__).parents[1] / "templates" / "forge" / "manifest.yml"
OURS = "Made by `okr-connector forge manifest`"  # a line of the template: a file with it may be replaced
FOLDER = Path("forge")
NOT_REGISTERED = "00000000-0000-0000-0000-000000000000"  # stands in the manifest until `forge register` writes the real id

_APP_ID = re.compile(r"^\s+id:\s*[\"']?(ari:cloud:ecosystem::app/[0-9a-fA-F-]{36})", re.MULTILINE)
_HOST = re.compile(r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")


@click.group()
def forge() -> None:
    """The Forge app that shows panels inside Jira."""


@forge.command()
@click.option("--url", default="", help="Address of this connector as Atlassian reaches it, https; default is OKR_PUBLIC_URL.")
@click.option(
    "--app-id",
    default="",
    help="What `forge register` wrote: a UUID or the whole ARI; default is OKR_FORGE_APP_ID, else what the file has. Before: none.",
)
@click.option("--out", default="", metavar="FILE", help="Where to write; default forge/manifest.yml, - prints it.")
@click.option("--force", is_flag=True, help="Replace a file that this command did not make.")
def manifest(url: str, app_id: str, out: str, force: bool) -> None:
    """Write the manifest of the Forge app for this connector."""
    settings = load_settings()
    address = checked_address(url or settings.public_url)
    path = Path(out) if out else FOLDER / "manifest.yml"
    app = checked_app(app_id or settings.forge_app_id or (app_in(path) if out != "-" else "") or NOT_REGISTERED)
    text = render(address, app)
    if out == "-":
        click.echo(text, nl=False)
        return
    write(path, text, force=force)
    if app.endswith(NOT_REGISTERED):
        click.echo(f"{path} is for {address}; the app is not registered yet.")
        click.echo(f'Next, in the folder {path.parent}: forge register "OKR connector". It writes the app\'s id into the file.')
        return
    click.echo(f"{path} is for {address} and {app}.")
    if settings.forge_app_id != app:
        click.echo(f"Set OKR_FORGE_APP_ID={app} for the connector, else it refuses the app's calls.")
    click.echo(f"Next, in the folder {path.parent}: forge deploy --environment production, then forge install.")


def app_in(path: Path) -> str:
    """The app id that a manifest names already (`forge register` wrote it), "" for none."""
    try:
        found = _APP_ID.search(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return found[1] if found and not found[1].endswith(NOT_REGISTERED) else ""


def render(address: str, app: str) -> str:
    """The manifest for an address and an app id; both must have been checked."""
    return TEMPLATE.read_text(encoding="utf-8").replace("@URL@", address).replace("@APP_ID@", app)


def checked_address(given: str) -> str:
    """``https://host`` or ``https://host:port``. Raises ``InputError`` for anything that Forge could not call, or that hides something."""
    if not given:
        raise InputError("say where Atlassian reaches this connector, such as https://okr.acme.example", where="--url")
    try:
        parts = urlsplit(given.strip())
        port = parts.port
    except ValueError:
        raise InputError(f"{given!r} is no address; give one such as https://okr.acme.example", where="--url") from None
    if parts.scheme != "https":
        raise InputError(f"must begin with https:// (got {given!r}): Forge calls nothing else", where="--url")
    if parts.username is not None or parts.password is not None:
        raise InputError("must hold no user name and no password", where="--url")
    if parts.path not in ("", "/") or parts.query or parts.fragment or given.strip().endswith(("?", "#")):
        raise InputError("must be the address alone, without a path, ? or #: the app's paths begin with /forge/v1", where="--url")
    host = (parts.hostname or "").rstrip(".")
    if _is_number(host) or not _HOST.fullmatch(host):
        raise InputError(f"{host or given!r} is no public host name; Forge must reach the connector over the internet", where="--url")
    return f"https://{host}" + (f":{port}" if port and port != 443 else "")


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def checked_app(given: str) -> str:
    """The whole ARI of an app id. Raises ``InputError`` for one that is none."""
    if not given:
        raise InputError("say which app this is: `forge register` writes its id", where="--app-id")
    try:
        return load_settings(forge_app_id=given).forge_app_id
    except InputError:
        message = f"must be the id that `forge register` wrote: a UUID, or ari:cloud:ecosystem::app/ with the UUID (got {given!r})"
        raise InputError(message, where="--app-id") from None


def write(path: Path, text: str, *, force: bool) -> None:
    """Write the file, never over one that somebody else made. Raises ``InputError``."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file", where="--out")
    if path.exists() and not force and OURS not in path.read_text(encoding="utf-8", errors="replace"):
        raise InputError(f"{path} was not made by this command; move it away, or replace it with --force", where="--out")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} here; run this where the folder forge lies, or name a file", where="--out")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}", where="--out") from error
