"""`inkgate ports`: list the machine's serial ports, as a table or as JSON."""

import json
from dataclasses import asdict

import click
from rich.table import Table

from firmware_bridge.cli.options import json_option, plain_console, show_table
from firmware_bridge.link.ports import list_ports


@click.command()
@json_option
def ports(as_json: bool) -> None:
    """List serial ports and the boards recognised on them.

    `--port auto` of other commands means the one port whose board is recognised. Ptys of virtual boards and
    socket://host:port are not listed; name them.
    """
    found = list_ports()
    if as_json:
        for port in found:
            click.echo(json.dumps(asdict(port)))
        return
    console = plain_console()
    if not found:
        console.print("No serial port on this machine. `inkgate simulate pen` makes a virtual board.")
        return
    table = Table()
    for name in ("port", "board", "USB", "serial number", "description"):
        table.add_column(name, overflow="fold", min_width=9 if name == "USB" else None)
    for port in found:
        usb = "" if port.vid is None or port.pid is None else f"{port.vid:04x}:{port.pid:04x}"
        table.add_row(port.path, port.board or "", usb, port.serial_number or "", port.description)
    show_table(console, table)
