"""`inkgate answer`: what a host asks over a port -> answers from a bundle on this machine."""

import hashlib
import json
import secrets
import threading
import time
from pathlib import Path

import click

from edge.answer.listen import SCHEME, Listener
from edge.answer.network import EngineNetwork, answer, answer_each, describe_gate
from edge.bundle.bundle import MODEL, Bundle
from edge.bundle.engine import Engine
from edge.bundle.kernels import request_for, requests
from edge.cli.bundle_path import bundle_option
from firmware_bridge.cli.options import complete_port, json_option, plain_console
from firmware_bridge.emulate.virtual_board import VirtualBoard
from firmware_bridge.link.transport import BAUD_RATE, SerialTransport
from firmware_bridge.session.board import BoardSession


@click.command("answer")
@bundle_option
@click.option(
    "--port",
    shell_complete=complete_port,
    help="Serial port at whose other end somebody asks, or socket://HOST:PORT to listen on.",
)
@click.option(
    "--link", type=click.Path(path_type=Path), help="Instead of a port: make a pty, and this path lead to it."
)
@click.option("--kernels", type=click.Choice(requests()), help="Run these and not the bundle's own.")
@json_option
def answer_command(bundle_path: Path, port: str | None, link: Path | None, kernels: str | None, as_json: bool) -> None:
    """Answer `inkgate verify BUNDLE --port PORT` in a board's place.

    The host asks what this machine is and what it computes. Nothing is decided here, so nothing is refused either:
    whatever this machine runs answers, and the host finds out whether it is what was verified.

    The answers prove that the numbers agree, not who answers: there is no key, and every copy of the bundle holds the
    golden logits, so whoever sits on the line with a copy can answer rightly. That opens no gate: `inkgate run`
    computes the golden words itself at every start.

    It matters more who may ask: whoever asks learns the logits of any fragment, and could search for writing that is
    accepted. Listen on 127.0.0.1 and let hosts come by `ssh -L`, or use a cable.
    """
    if (port is None) == (link is None):
        raise click.UsageError("give either --port, the line on which somebody asks, or --link, to make one here")
    console = plain_console()
    bundle = Bundle.open(bundle_path)
    manifest, model = bundle.manifest, bundle.contents[MODEL]
    pinned = manifest.executor
    engine = Engine.load(model, kernels or request_for(pinned.kernels), runtime_name=pinned.runtime)
    network = EngineNetwork(engine, hashlib.sha256(model).hexdigest())
    text = f"bundle {bundle.sha256[:12]} on {engine.runtime}, kernels {engine.kernels}; Ctrl-C ends"
    console.print(text, highlight=False, soft_wrap=True)
    info = describe_gate(manifest.pixel_bits, secrets.randbits(32))
    if port is not None and port.startswith(f"{SCHEME}://"):
        with Listener(port) as listener:
            _tell(listener.url, as_json)
            answer_each(BoardSession(info, time.monotonic(), network=network), listener.connections())
    elif port is not None:
        with SerialTransport(port, BAUD_RATE) as transport:
            _tell(port, as_json)
            answer(BoardSession(info, time.monotonic(), network=network), transport)
    else:
        board = VirtualBoard(
            [], kind=info.kind, pixel_bits=info.pixel_bits, board=info.board, network=network, link=link, baud_rate=None
        )
        with board:
            _tell(str(board.path), as_json)
            threading.Event().wait()  # until interrupted


def _tell(path: str, as_json: bool) -> None:
    click.echo(json.dumps({"event": "port", "path": path}) if as_json else path)
