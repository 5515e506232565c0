"""The page of a verification: made from its JSON alone, self-contained, naming faults in place."""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from edge.bundle.bundle import Bundle
from edge.bundle.kernels import comparable, reserved, runs_on
from quantize.errors import ReportError
from quantize.losses.decisions import DifferingWord, Outcome
from quantize.proof.compare import Mismatch
from quantize.report.charts import BAR, Bar, draw_bars, draw_histogram
from quantize.report.page import make_page
from quantize.report.record import Report, decode
from quantize.verify import verify

VOID = {"meta", "br"}


class Checker(HTMLParser):
    """A parser that checks that tags close in order, and keeps every tag, attribute and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def report(made_bundle: Path) -> Report:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("quantize.losses.accuracy.WORDS_PER_SIDE", 50)
        return verify(Bundle.open(made_bundle), words=5, kernels=["all"], created="2026-01-02T03:04:05+00:00")


def changed(report: Report) -> Report:
    return decode(report.encode())


def test_a_report_is_read_back_as_it_was_written(report: Report) -> None:
    assert decode(report.encode()) == report
    assert decode(report.encode()).encode() == report.encode()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"format": "inkgate-verify/1"}'])
def test_what_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(ReportError, match="no report of inkgate verify"):
        make_page(content)


def test_a_report_of_another_format_is_refused(report: Report) -> None:
    other = changed(report)
    other.format = "inkgate-verify/4"
    with pytest.raises(ReportError, match=r"format inkgate-verify/4, this inkgate reads inkgate-verify/3"):
        make_page(other.encode())


def test_the_page_needs_nothing_but_itself(report: Report) -> None:
    page = make_page(report.encode())
    seen = Checker(page)
    assert {"html", "style", "svg"} <= set(seen.tags)
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(seen.tags)
    assert all(
        value is not None and value.startswith("#") for name, value in seen.attributes if name in {"src", "href"}
    )
    assert not [name for name, _ in seen.attributes if name.startswith("on")]
    assert re.search(r"https?:|url\(|@import", page) is None


def test_the_page_says_who_computed_what_and_that_nothing_differs(report: Report) -> None:
    text = Checker(make_page(report.encode())).text
    assert "Not proved" not in text
    assert f"0 of {report.values:,} values differ" in text
    for output in report.outputs["model.tflite"].values():
        assert f"0 of {output.values:,} {output.name} differ" in text
    for found in report.kernel_sets:
        assert found.kernels in text
        assert all(op.rule in text for op in found.ops)
    for wanted in (report.model_sha256, report.bundle_sha256, report.machine.cpu, report.created, *comparable()):
        assert wanted in text
    assert all(vectors.file in text for vectors in report.golden)
    assert all(f"{drift.kernels} on {drift.architecture}" in text for drift in report.drift)
    assert all(part.name in text for part in report.attribution)


def test_a_reserved_kernel_set_is_called_so_wherever_its_numbers_stand(report: Report) -> None:
    page = make_page(report.encode())
    said = re.findall(r'<b>([^<]+)</b>(?: on \w+)? <span class="tag">reserved</span>', page)
    drifts = [drift.kernels for drift in report.drift]
    # once for each of the two models
    assert Counter(said) == {name: 2 + drifts.count(name) for name in reserved()}
    for name in reserved():
        assert f"{name} is reserved, nothing runs it yet: it has the rules of {runs_on(name)}" in Checker(page).text


def test_every_tensor_has_a_picture(report: Report) -> None:
    assert Checker(make_page(report.encode())).tags.count("figure") == len(report.histograms) > 25


def test_a_difference_is_red_named_and_opened(report: Report) -> None:
    wrong = changed(report)
    found = next(s for s in wrong.kernel_sets if s.kernels == "litert-optimised")
    tensor = found.ops[1].tensors[-1]
    tensor.mismatches, tensor.max_abs, tensor.first = 3, 2.0, Mismatch(4, 1, (0, 2, 5), 17.0, 19.0)
    found.ops[1].mismatches, found.mismatches, found.passed, found.first = 3, 3, False, tensor.describe()
    wrong.failures, wrong.passed = [f"litert-optimised: {tensor.describe()}"], False
    page = make_page(wrong.encode())
    text = Checker(page).text
    assert "Not proved" in text
    assert text.count("word 4, step 1: expected 17, got 19 (3 of ") >= 3, "at the top, beside the sets, in the table"
    assert page.count("<details open>") == 1
    assert f"3 of {tensor.values:,} differ" in text or f"3 of {found.ops[1].values:,} differ" in text


def test_a_kernel_set_that_did_not_run_says_so_and_leaves_the_page_whole(report: Report) -> None:
    for missing in ({"litert-xnnpack"}, set(comparable())):
        other = changed(report)
        for found in other.kernel_sets:
            if found.kernels in missing:
                found.error, found.ops, found.unwatched = "no such <kernels> here", [], []
        assert "not compared: no such <kernels> here" in Checker(make_page(other.encode())).text


def test_a_report_without_a_test_set_leaves_the_page_whole(report: Report) -> None:
    other = changed(report)
    assert other.decisions is not None
    other.decisions.eer = other.decisions.eer_shift_points = None
    other.golden, other.drift, other.decisions.differing_words, other.attribution = [], [], [], []
    other.decisions.measured_on.symbols = None
    seen, usual = Checker(make_page(other.encode())), Checker(make_page(report.encode()))
    for kind in ("html", "h1", "table"):
        assert 0 < seen.tags.count(kind) <= usual.tags.count(kind)
    assert len(seen.text) < len(usual.text)


def test_both_models_have_their_parts_and_one_alone_needs_no_heading(report: Report) -> None:
    page = make_page(report.encode())
    for model in ("model.tflite", "reader.tflite"):
        assert page.count(f"<h3>{model}</h3>") == 2
        assert f"Outputs of {model}: 0 of " in Checker(page).text
    alone = changed(report)
    alone.kernel_sets = [found for found in alone.kernel_sets if found.model == "model.tflite"]
    assert "<h3>model.tflite</h3>" not in make_page(alone.encode())


def test_a_report_of_a_network_without_users_leaves_the_page_whole(report: Report) -> None:
    other = changed(report)
    other.decisions, other.drift = None, []
    text = Checker(make_page(other.encode())).text
    assert text.count("the network has features only") == 2
    assert "noise that reaches the features" in text


def test_names_from_outside_are_text_and_never_markup(report: Report) -> None:
    other = changed(report)
    evil = '<script>alert("x")</script>'
    outcome = Outcome("ACCEPT", evil, -0.1)
    assert other.decisions is not None
    other.decisions.differing_words = [
        DifferingWord(0, 8, evil, -0.2, outcome, msgspec.structs.replace(outcome, score=None))
    ]
    other.machine = msgspec.structs.replace(other.machine, cpu=evil)
    other.notes, other.failures, other.created = [evil], [evil], evil
    seen = Checker(make_page(other.encode()))
    assert "script" not in seen.tags
    assert seen.text.count(evil) >= 6


# --- drawings ------------------------------------------------------------------------------------------------------


def test_a_bar_is_as_long_as_its_share_of_the_longest_and_never_longer() -> None:
    svg = draw_bars([Bar("a", 25.0, "25"), Bar("b", 900.0, "much"), Bar("c", -3.0, "less")], 100.0, "title")
    widths = [float(width) for width in re.findall(r'<rect class="bar"[^>]* width="([\d.]+)"', svg)]
    assert widths == [BAR / 4, BAR, 0.0]


def test_a_histogram_shows_a_single_value_and_marks_the_ends() -> None:
    svg = draw_histogram([1, 0, 10_000, 0], "counts")
    heights = [float(height) for height in re.findall(r'<rect[^>]* height="([\d.]+)"', svg)]
    assert len(heights) == 2
    assert min(heights) >= 1.0, "one value among ten thousand is seen"
    assert svg.count('class="end"') == 1
