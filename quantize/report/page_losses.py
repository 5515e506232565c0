"""A report of `inkgate verify` -> its page's sections on noise, decisions and histograms."""

from collections.abc import Sequence
from html import escape
from math import log10

from quantize.losses.attribution import Part
from quantize.losses.decisions import DifferingWord, Outcome
from quantize.losses.histograms import Histogram
from quantize.losses.material import Material
from quantize.losses.noise import TensorNoise
from quantize.report.charts import Bar, draw_bars, draw_histogram, draw_pairs
from quantize.report.record import Report
from quantize.report.style import percent, table

LSTM = ("UNIDIRECTIONAL_SEQUENCE_LSTM", "LSTM")
CEILING_DB = 100.0
"""Upper end of a dB chart: an int16 reaches 98 dB at best."""


def show_losses(report: Report) -> str:
    """Show each part's share of the last output's noise, then signal against noise tensor by tensor."""
    measured = _on(report.noise_measured_on)
    whole = next((tensor.sqnr_db for tensor in reversed(report.noise)), None)
    return _attribution(report.attribution, whole, measured, report.last) + _noise(report.noise, measured)


def show_decisions(report: Report) -> str:
    """Show agreement with float, error rates, and the words that are decided differently one by one."""
    if report.decisions is None:
        return "<p>None: the network has features only, and decides nothing by itself.</p>"
    decisions = report.decisions
    against, differ = decisions.int8_against_float, decisions.decisions_against_float
    text = (
        f"<p>The deployed int8 network and its float twin {_on(decisions.measured_on)}: the same final decision, user "
        f"included, for <b>{percent(against.agreement)}</b>. {differ.final:,} differ, at 95 % confidence at most "
        f"{percent(differ.final_upper_bound)} of such words; in {differ.anywhere:,} some decision on the way differs. "
        f"Logits differ by {against.logits_mean_abs:.3f} on average, by {against.logits_max_abs:.2f} at most.</p>"
    )
    if decisions.eer is not None:
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{rate:.2f} %</td></tr>" for name, rate in decisions.eer.percent.items()
        )
        text += (
            f"<h3>Equal error rate at {decisions.eer.symbols} symbols</h3><p>{decisions.eer.users_words:,} words by "
            f"users, {decisions.eer.strangers_words:,} by strangers. Deployed int8 against float: "
            f"<b>{decisions.eer_shift_points or 0:+.2f}</b> percentage points.</p>"
            f'<table style="max-width: 26rem"><tr><th>computed on</th><th>EER</th></tr>{rows}</table>'
        )
    return text + _differing(decisions.differing_words, differ.final)


def show_histograms(report: Report) -> str:
    """Show histograms of every int8 and int16 tensor: weights first, then the values computed on words."""
    text = (
        "<p>Over the whole range that the tensor's type can hold, in 32 parts; heights go with the square root of the "
        "number of values. Red: the two ends, where values may have been cut off. A tensor that uses few of its parts "
        "wastes bits; one that piles up at its ends loses values.</p>"
    )
    groups = {"Weights": "weight", "Activations": "activation", "States of the LSTM": "state"}
    groups["Inside the LSTM"] = "temporary"
    for title, kind in groups.items():
        pictures = "".join(_histogram(found) for found in report.histograms if found.kind == kind)
        text += f'<h3>{title}</h3><div class="pictures">{pictures}</div>' if pictures else ""
    return text


def _attribution(parts: Sequence[Part], whole: float | None, measured: str, last: str) -> str:
    if not parts:
        return ""
    worst = max(parts, key=lambda part: part.share)
    rows = [
        Bar(part.name, part.share, percent(part.share, 1), "worst" if part is worst else _KINDS[part.kind])
        for part in parts
    ]
    most = max(0.25, worst.share * 1.05)
    ticks = [(tick, f"{tick:.0%}") for tick in (0.0, 0.25, 0.5, 0.75, 1.0) if tick <= most]
    keys = {"bar": "values", "weight": "weights", "state": "LSTM", "worst": "the largest"}
    legend = "".join(_key(kind, text) for kind, text in keys.items())
    together = sum(10 ** (-part.output_sqnr_db / 10) for part in parts if part.output_sqnr_db is not None)
    summed = f" Added up: {-10 * log10(together):.1f} dB; all at once: {_db(whole)}." if together else ""
    return (
        f"<p>Float with one part in int8 at a time, {measured}: each part's share of the noise that reaches the "
        f"{last}. <b>{worst.share:.0%}</b> comes from <b>{escape(worst.name)}</b>: more bits or a better range pay "
        f"there first, and little where the bar is short.{summed}</p>"
        f"<p><small>{legend}</small></p>{draw_bars(rows, most, 'share of the noise by part', ticks)}"
    )


def _noise(noise: Sequence[TensorNoise], measured: str) -> str:
    rows = [
        Bar(
            _label(tensor),
            CEILING_DB if tensor.sqnr_db is None else tensor.sqnr_db,
            _db(tensor.sqnr_db),
            _KINDS[tensor.kind],
            tuple(
                (min(level, CEILING_DB), kind)
                for level, kind in ((tensor.op_sqnr_db, "alone"), (tensor.grid_sqnr_db, "limit"))
                if level is not None
            ),
        )
        for tensor in noise
    ]
    chart = draw_bars(rows, CEILING_DB, "signal to quantisation noise by tensor", _DB_TICKS)
    rows_of_table = [
        f'<tr><td>{escape(tensor.op.replace(*LSTM))}</td><td class="left">{escape(tensor.name)}</td>'
        f"<td>{tensor.scale:.3g}</td><td>{tensor.zero_point}</td><td>{tensor.signal_rms:.3g}</td>"
        f"<td>{tensor.error_rms:.2g}</td><td>{_db(tensor.sqnr_db)}</td><td>{_db(tensor.op_sqnr_db)}</td>"
        f"<td>{_db(tensor.grid_sqnr_db)}</td><td>{percent(tensor.clipped_share)}</td></tr>"
        for tensor in noise
    ]
    heads = ("operation", "<tensor", "scale", "zero", "signal", "error", "int8", "op alone", "grid", "clipped")
    return (
        f"<h3>Signal to quantisation noise, tensor by tensor</h3><p>{measured[:1].upper()}{measured[1:]}. The bar: "
        "float against int8 with everything that went wrong up to there. The black mark: this operation alone, fed "
        "what int8 fed it. The yellow mark: float's values rounded to this tensor's steps, which no arithmetic can "
        "beat. Before a tanh the range ends on purpose where the tanh's int8 output does not change any more, so what "
        "is lost there by cutting off does not show behind the tanh.</p>"
        f"{chart}<details><summary>The same as a table</summary>{table(heads, rows_of_table)}</details>"
    )


def _differing(words: Sequence[DifferingWord], total: int) -> str:
    if not words:
        return "<h3>Words decided differently</h3><p>None.</p>"
    moves = [
        (word.expected.score - word.threshold, word.got.score - word.threshold)
        for word in words
        if word.expected.score is not None and word.got.score is not None
    ]
    reach = max([abs(value) for pair in moves for value in pair] or [1.0])
    rows = [
        f'<tr><td>{word.word}</td><td class="left">{escape(word.written_by or "-")}</td><td>{word.symbols}</td>'
        f"<td>{word.threshold:.3f}</td>{_outcome(word.expected)}{_outcome(word.got)}</tr>"
        for word in words
    ]
    more = f" The first {len(words)} of {total:,}." if total > len(words) else ""
    heads = ("word", "<written by", "symbols", "accepted from", "<float decides", "score", "<int8 decides", "score")
    sides = (f"rejected, down to {-reach:.2f}", f"accepted, up to {reach:+.2f}")
    return (
        f"<h3>Words decided differently</h3><p>Final decisions.{more} In the drawing: each word's score less the "
        "threshold (the dashed line), in float (hollow) and in int8 (blue). Dots near the line were a close call in "
        f"both.</p>{draw_pairs(moves, reach, 'scores about the threshold', sides)}{table(heads, rows)}"
    )


def _outcome(outcome: Outcome) -> str:
    score = "-" if outcome.score is None else f"{outcome.score:.3f}"
    return f'<td class="left">{outcome.decision} {escape(outcome.user or "")}</td><td>{score}</td>'


def _histogram(found: Histogram) -> str:
    ends = f", {percent(found.saturated_share, 1)} at the ends" if found.saturated_share >= 0.0005 else ""
    name = "/".join(found.name.split("/")[-2:])
    return (
        f"<figure>{draw_histogram(found.counts, found.name)}<figcaption>{escape(found.op.replace(*LSTM))}<br>"
        f"<b>{escape(name)}</b><br><small>{found.dtype}, {found.smallest} to {found.largest}{ends}</small>"
        "</figcaption></figure>"
    )


def _label(tensor: TensorNoise) -> str:
    position, _, kind = tensor.op.partition(" ")
    if kind == LSTM[0]:
        return f"{position} {tensor.name}"
    return f"{position} {kind}" if tensor.name != "logits" else f"{position} logits"


def _on(material: Material) -> str:
    each = f" of {material.symbols} symbols" if material.symbols else ""
    return f"on {material.words:,} words{each} from {escape(material.source)}"


def _db(level: float | None) -> str:
    return "exact" if level is None else f"{level:.1f} dB"


def _key(kind: str, text: str) -> str:
    return f'<svg class="key" viewBox="0 0 10 10"><rect class="{kind}" width="10" height="10"/></svg>{text}'


_DB_TICKS = tuple((float(level), f"{level} dB") for level in range(0, 101, 20))
_KINDS = {"activation": "bar", "weight": "weight", "state": "state", "temporary": "state"}
