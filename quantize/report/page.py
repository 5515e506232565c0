"""verify.json -> report.html: one page for screen and paper, without other files, scripts or network."""

from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape

from quantize.losses.drift import DriftReport
from quantize.proof.compare import TensorReport
from quantize.proof.findings import GoldenReport, KernelSetReport
from quantize.report.page_losses import show_decisions, show_histograms, show_losses
from quantize.report.record import Decided, Report, decode
from quantize.report.style import STYLE, percent, table

LSTM = ("UNIDIRECTIONAL_SEQUENCE_LSTM", "LSTM")


def make_page(content: bytes) -> str:
    """Return the page made from the bytes of verify.json alone. ReportError if they are no report."""
    report = decode(content)
    sections = [
        ("Kernel sets", _kernel_sets(report)),
        ("Operation by operation", _ops(report)),
        ("Golden vectors", _golden(report.golden)),
        ("Other kernels, the same gate?", _drift(report)),
        ("Where int8 loses accuracy", show_losses(report)),
        ("Decisions, float against int8", show_decisions(report)),
        ("What the tensors hold", show_histograms(report)),
        ("How to read this, and what it does not say", _reading(report)),
    ]
    links = "".join(f'<a href="#s{n}">{escape(title)}</a>' for n, (title, _) in enumerate(sections, start=1))
    body = "".join(
        f'<section id="s{n}"><h2><span>{n}</span>{escape(title)}</h2>{text}</section>'
        for n, (title, text) in enumerate(sections, start=1)
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>inkgate: proof of model {escape(report.model_sha256[:12])}</title><style>{STYLE}</style></head>"
        f"<body>{_head(report)}<nav>{links}</nav>{body}{_foot(report)}</body></html>\n"
    )


def _head(report: Report) -> str:
    compared = dict.fromkeys(found.kernels for found in report.kernel_sets if found.error is None)
    said = "Proved" if report.passed else "Not proved"
    counted = (
        f"<b>{report.mismatches:,}</b> of {report.values:,} values differ between the fixed-point reference and the "
        f"interpreter: {', '.join(f'<b>{escape(name)}</b>' for name in compared) or 'no kernel set'}, and "
        f"{len(report.golden)} files of golden vectors"
    )
    counted += "".join(
        f". Outputs of {escape(model)}: "
        + ", ".join(f"<b>{o.mismatches:,}</b> of {o.values:,} {escape(o.name)} differ" for o in outputs.values())
        for model, outputs in report.outputs.items()
    )
    failures = "".join(f"<li>{escape(failure)}</li>" for failure in report.failures)
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    deployed, machine = report.deployed, report.machine
    facts = {
        "model": f"<code>{escape(report.model_sha256)}</code>",
        "bundle": f"<code>{escape(report.bundle_sha256)}</code>",
        "deployed on": f"{escape(deployed.executor)} {escape(deployed.version)}, kernels "
        f"<b>{escape(deployed.kernels)}</b>",
        "machine": f"{escape(machine.cpu)}, {machine.cores} cores, {escape(machine.system)} "
        f"{escape(machine.architecture)}, {escape(machine.libc)}, Python {escape(machine.python)}, NumPy "
        f"{escape(machine.numpy)}",
        "CPU features": escape(" ".join(machine.cpu_features)) or "none of those that choose kernels",
        "words": f"{report.words:,} words of {report.fragments:,} fragments: {_sources(report.sources)}",
        "made": f"{escape(report.created) or 'undated'} by {escape(report.tool)} in {report.seconds:g} s",
    }
    if report.reference_model_sha256 != report.model_sha256:
        facts["reference given"] = f"another model, <code>{escape(report.reference_model_sha256)}</code>"
    rows = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in facts.items())
    return (
        f'<header><p class="kind">inkgate verification report</p><div class="verdict {_state(report.passed)}">'
        f"<h1>{said}</h1><p>{counted}.</p>{_cost(report.decisions)}{f'<ul>{failures}</ul>' if failures else ''}</div>"
        f'<table class="facts">{rows}</table>{f"<ul class=notes>{notes}</ul>" if notes else ""}</header>'
    )


def _cost(decisions: Decided | None) -> str:
    if decisions is None:
        return ""
    against, shift = decisions.int8_against_float, decisions.eer_shift_points
    cost = f"int8 decides as float does on {percent(against.agreement)} of {against.words:,} words"
    cost += "" if shift is None else f" and moves the equal error rate by {shift:+.2f} percentage points"
    return f"<p>{cost}.</p>"


def _kernel_sets(report: Report) -> str:
    tables = "".join(
        f"{_model_heading(report, model)}{_kernel_sets_of(found)}" for model, found in report.by_model().items()
    )
    return (
        "<p>Each row: the reference computes with the rounding rules of that kernel set, and every value is compared, "
        f"bit for bit, with what the interpreter has in memory. Fragments/s: the reference, all tensors, on one core."
        f"</p>{tables}"
    )


def _model_heading(report: Report, model: str) -> str:
    """Return the heading of a model's part, nothing if the report is of one model alone."""
    return f"<h3>{escape(model)}</h3>" if len(report.by_model()) > 1 else ""


def _kernel_sets_of(kernel_sets: Sequence[KernelSetReport]) -> str:
    rows = []
    for found in kernel_sets:
        name = f"<b>{escape(found.kernels)}</b>{_tag(found.mark)}"
        if found.error is not None:
            rows.append(
                f'<tr><td>{name}</td><td colspan="7" class="left open">not compared: {escape(found.error)}</td></tr>'
            )
            continue
        runs_on = f"<br><small>oracle: {escape(found.runs_on)}</small>" if found.reserved else ""
        rows.append(
            f'<tr><td>{name}</td><td class="left">{escape(found.executor)} {escape(found.version)}{runs_on}</td>'
            f'<td>{found.values:,}</td><td class="{_state(found.passed)}">{found.mismatches:,}</td>'
            f'<td>{found.max_abs:g}</td><td class="left"><small>{escape(found.readable)}</small></td>'
            f"<td>{found.reference_fragments_per_s:,}</td><td>{_verdict(found)}</td></tr>"
        )
    heads = ("kernel set", "<interpreter", "values", "differ", "largest", "<compared", "fragments/s", "")
    found_first = "".join(
        f'<p class="failed">{escape(found.kernels)}, first difference: {escape(found.first)}</p>'
        for found in kernel_sets
        if found.first
    )
    return table(heads, rows) + found_first


def _ops(report: Report) -> str:
    """Return, model by model, the kernel sets' rules side by side and every tensor, as HTML."""
    parts = [
        _model_heading(report, model) + _ops_of([found for found in kernel_sets if found.error is None])
        for model, kernel_sets in report.by_model().items()
    ]
    return (
        "<p>The rule by which each operation rounds. A blue cell rounds otherwise than the deployed kernels do.</p>"
        + "".join(parts)
    )


def _ops_of(sets: Sequence[KernelSetReport]) -> str:
    if not sets:
        return "<p>No kernel set could be compared here.</p>"
    deployed = next((found for found in sets if found.deployed), sets[0])
    rows = []
    for number, op in enumerate(deployed.ops):
        cells = []
        for found in sets:
            other = found.ops[number]
            kind = "failed" if other.mismatches else "same" if other.rule == op.rule else "differs"
            count = (
                f"{other.mismatches:,} of {other.values:,} differ" if other.mismatches else f"{other.values:,} equal"
            )
            cells.append(f'<td class="left {kind}">{escape(other.rule)}<br><small>{count}</small></td>')
        rows.append(f"<tr><td>{_short(op.op)}</td>{''.join(cells)}</tr>")
    return table(("operation", *(found.kernels for found in sets)), rows, "rules") + _tensors(sets)


def _tensors(sets: Sequence[KernelSetReport]) -> str:
    """Return a table with one row for each tensor and one column for each kernel set, as HTML.

    The number of values stands once: it is the same in every kernel set that read the tensor.
    """
    by_set = [dict(_named(found)) for found in sets]
    rows = []
    for key, tensor in max(by_set, key=len).items():
        found = [tensors.get(key) for tensors in by_set]
        wrong = [f"{s.kernels}: {t.describe()}" for s, t in zip(sets, found, strict=True) if t and t.mismatches]
        differ = "".join(
            f'<td class="{_state(not other.mismatches)}">{other.mismatches:,}</td>' if other else "<td>not read</td>"
            for other in found
        )
        largest = max(other.max_abs for other in found if other)
        rows.append(
            f'<tr><td>{_short(tensor.op)}</td><td class="left">{escape(tensor.name)}</td>'
            f'<td class="left">{tensor.kind}</td><td>{tensor.values:,}</td>{differ}<td>{largest:g}</td></tr>'
        )
        rows += [f'<tr><td colspan="{len(sets) + 5}" class="failed">{escape(text)}</td></tr>' for text in wrong]
    heads = ("operation", "<tensor", "<kind", "values", *(s.kernels for s in sets), "largest")
    opened = " open" if any(found.mismatches for found in sets) else ""
    return (
        f"<details{opened}><summary>Every tensor ({max(map(len, by_set))}), how many values differ in which kernel set"
        f"</summary>{table(heads, rows, 'tensors')}</details>"
    )


def _named(found: KernelSetReport) -> Iterator[tuple[tuple[str, str, int], TensorReport]]:
    """Yield every tensor of a kernel set with its key: operation, name, number among equal names."""
    tensors = [*(tensor for op in found.ops for tensor in op.tensors), *found.unwatched]
    seen: Counter[tuple[str, str]] = Counter()
    for tensor in tensors:
        yield (tensor.op, tensor.name, seen[tensor.op, tensor.name]), tensor
        seen[tensor.op, tensor.name] += 1


def _golden(golden: Sequence[GoldenReport]) -> str:
    if not golden:
        return "<p>The bundle holds none.</p>"
    rows = [
        f'<tr><td><b>{escape(vectors.file)}</b></td><td class="left">{escape(vectors.kernels)}, '
        f"{escape(vectors.executor)} {escape(vectors.version)}<br><small>{escape(vectors.machine)}</small></td>"
        f"<td>{vectors.words}</td><td>{vectors.fragments}</td><td>{vectors.values:,}</td>"
        f'<td class="{_state(vectors.passed)}">{vectors.mismatches:,}</td>'
        f'<td class="left"><small>{escape(vectors.error or vectors.tells_apart)}</small></td></tr>'
        for vectors in golden
    ]
    heads = ("file", "<stamped", "words", "fragments", "values", "differ", "<kernel sets that its outputs tell apart")
    return (
        "<p>The gate runs these words whenever it starts and decides nothing if one value of an output differs. Here "
        "every tensor in the files is compared with the reference.</p>" + table(heads, rows)
    )


def _drift(report: Report) -> str:
    if report.decisions is None:
        return "<p>Not measured: the network has features only, and decides nothing by itself.</p>"
    if not report.drift:
        return "<p>No other kernel set was computed; <code>--kernels all</code> does.</p>"
    measured = report.decisions.measured_on
    rows = [_drift_row(drift, report.is_reserved(drift.kernels)) for drift in report.drift]
    heads = ("kernel set", "<computed by", "logits that differ", "steps", "decided differently", "at most (95 %)")
    each = f", {measured.symbols} symbols each" if measured.symbols else ""
    return (
        f"<p>The same model on other kernels gives other logits. Against the deployed <b>"
        f"{escape(report.deployed.kernels)}</b>, on {measured.words:,} words ({escape(measured.source)}{each}). A word "
        "counts as decided differently if any decision after any of its fragments differs, in verdict or user; in "
        "brackets, those whose final decision does. The bound is the exact one-sided one (Clopper-Pearson) for words "
        "drawn in the same way.</p>" + table(heads, rows)
    )


def _drift_row(drift: DriftReport, reserved: bool) -> str:
    decisions, tag = drift.decisions, _tag("reserved" if reserved else "")
    return (
        f"<tr><td><b>{escape(drift.kernels)}</b> on {escape(drift.architecture)}{tag}</td>"
        f'<td class="left">{escape(drift.computed_by)}</td>'
        f"<td>{percent(drift.differing_share)}</td><td>{drift.max_steps}</td>"
        f'<td class="tight">{decisions.anywhere} ({decisions.final}) of {decisions.words:,}</td>'
        f'<td class="tight">{percent(decisions.anywhere_upper_bound)} '
        f"({percent(decisions.final_upper_bound)})</td></tr>"
    )


def _reading(report: Report) -> str:
    network = next(iter(report.by_model().values()), [])
    unread = [found.kernels for found in network if found.error is None and "twin" in found.readable]
    points = [
        "Proved is equality on these words: every value of every tensor listed above, with the state carried from "
        "fragment to fragment. The words hold white, black and random fragments, which reach the ends of the ranges.",
        "It holds for the interpreter, version and processor named at the top. On another processor run "
        "<code>inkgate verify</code> there: kernels of the same name round differently on another architecture.",
        "Section 4 is no equality but a measurement, with a bound on what it means for decisions.",
        "dB: ten times the logarithm of the ratio of powers. 6 dB less is twice the error.",
    ]
    if unread:
        points.append(
            f"{escape(' and '.join(unread))}: a delegate keeps no intermediate tensors. They are read from a twin of "
            "the model in which each is an output; that the model itself gives the same outputs is in its table's rows "
            "(“no tensors kept”). An LSTM's temporaries are not read there; its states and output are."
        )
    points += [
        f"{escape(found.kernels)} is reserved, nothing runs it yet: it has the rules of {escape(found.runs_on)}, whose "
        "interpreter was compared in its place."
        for found in network
        if found.reserved
    ]
    names = ",".join(found.kernels for found in network)
    again = f"inkgate verify BUNDLE --kernels {names} --words {report.words}"
    listed = "".join(f"<li>{point}</li>" for point in points)
    return f"<ul>{listed}</ul><p>The same words, and so the same numbers, come from:</p><pre>{escape(again)}</pre>"


def _foot(report: Report) -> str:
    hashes = f"Model {escape(report.model_sha256[:16])}, bundle {escape(report.bundle_sha256[:16])}."
    return f"<footer>Made from verify.json ({escape(report.format)}) alone. {hashes}</footer>"


def _sources(sources: dict[str, int]) -> str:
    return escape(", ".join(f"{count:,} of {name}" for name, count in sources.items() if count))


def _tag(text: str) -> str:
    return f' <span class="tag">{text}</span>' if text else ""


def _verdict(found: KernelSetReport) -> str:
    return f'<span class="pill {_state(found.passed)}">{"equal" if found.passed else "differs"}</span>'


def _state(good: bool) -> str:
    return "passed" if good else "failed"


def _short(op: str) -> str:
    return escape(op.replace(*LSTM))
