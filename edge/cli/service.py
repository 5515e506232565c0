"""`inkgate service`: the gate as a service of systemd: its unit, and how it stands."""

from pathlib import Path

import click

from edge.cli.output import emit, escape
from edge.service.systemd import ask, is_running
from edge.service.unit import NAME, UNIT, install, program, require_program, unit
from firmware_bridge.cli.options import json_option, plain_console, say
from firmware_bridge.errors import ExitCode

_NEXT = """\
sudo useradd --system --home-dir /var/lib/inkgate --shell /usr/sbin/nologin inkgate
sudo -u inkgate -H {program} users add NAME --port auto
sudo systemctl daemon-reload
sudo systemctl enable --now inkgate
inkgate service status"""

_program = click.option(
    "--program", "given", type=click.Path(path_type=Path), help="What the service runs; by default this inkgate."
)


@click.group()
def service() -> None:
    """Run the gate as a service of systemd: from boot on, and anew when it ends or hangs.

    What it runs is `inkgate run`, with the settings of /etc/inkgate.toml: `inkgate config example` prints one, `sudo
    systemctl reload inkgate` has it read anew. `sudo systemctl edit inkgate` changes all else.
    """


@service.command()
@_program
def show(given: Path | None) -> None:
    """Print the unit file."""
    click.echo(unit(program(given)), nl=False)


@service.command("install")
@_program
@click.option(
    "--to", type=click.Path(path_type=Path, dir_okay=False), default=UNIT, show_default=True, help="The file to write."
)
@click.option("--force", is_flag=True, help="Replace another unit.")
@json_option
def install_command(given: Path | None, to: Path, force: bool, as_json: bool) -> None:
    """Write the unit file, and say which commands start the service; none of them is run here."""
    runs = program(given)
    require_program(runs)
    written = install(unit(runs), to, force)
    commands = _NEXT.format(program=runs).splitlines()
    if as_json:
        emit({"event": "installed", "unit": str(to), "written": written, "program": str(runs), "next": commands})
    say(plain_console(), f"{to} is {'written' if written else 'there already, as it would be written'}; next:")
    for command in commands:
        say(plain_console(), f"  {command}")


@service.command()
@json_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Say how the service stands: exit code 0 if it runs, 1 if not."""
    found = ask()
    running = is_running(found)
    if as_json:
        emit({"running": running, **found})
    else:
        console = plain_console()
        say(
            console,
            f"{NAME}: {found['ActiveState']} ({found['SubState']}), {found['UnitFileState'] or 'not installed'}",
        )
        if found["StatusText"]:
            say(console, escape(found["StatusText"]))
        say(console, f"restarted {found['NRestarts']} times; process {found['MainPID']}; last result {found['Result']}")
        if not running:
            helps = "journalctl -u inkgate -n 20" if found["LoadState"] == "loaded" else "sudo inkgate service install"
            say(console, f"-> {helps}")
    if not running:
        ctx.exit(ExitCode.NEGATIVE)
