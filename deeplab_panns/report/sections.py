"""What the report says, section by section. A section without its data says why it is empty."""

from __future__ import annotations

import dataclasses
import pathlib

from data.whole_file import write_bytes
from deeplab_panns.evidence import number_text
from deeplab_panns.evidence.paired_tests import MIN_PAIRS
from deeplab_panns.evidence.text_table import to_html
from deeplab_panns.prior_check import agreement_figure, findings
from deeplab_panns.report.figures import (
  box_plots,
  confusion_matrix,
  learning_curves,
  overlays,
  volume_agreement,
  worst_cases,
)
from deeplab_panns.report.figures.learning_curves import Curves
from deeplab_panns.report.figures.overlays import SlicesOfMethods
from deeplab_panns.report.page import Section, heading, paragraph, picture, table
from deeplab_panns.report.results import checked_stores, result_tables
from deeplab_panns.report.results import compared as scores
from deeplab_panns.report.results.compared import Results

_EVALUATE_AGAIN = "evaluate the runs again with this version to have it."


@dataclasses.dataclass(frozen=True)
class Pictures:
  """Where the figures also go as PNG files."""

  folder: pathlib.Path

  def keep(self, name: str, png: bytes, alt: str) -> str:
    """Writes `name`.png and returns the <img> of the page."""
    write_bytes(self.folder / f"{name}.png", png)
    return picture(png, alt)


def build(results: Results, pictures: Pictures) -> list[Section]:
  """All Sections, in the page's order."""
  slices = overlays.read_slices(results)
  logged = learning_curves.read(results)
  return [
    _methods(results),
    _organs(results, pictures),
    _overlays(results, slices, pictures),
    _worst(results, slices, pictures),
    _confusion(results, pictures),
    _volumes(results, pictures),
    _training(logged, pictures),
    _shares(results, logged, pictures),
    _prior_check(results, pictures),
    _seeds(results),
    _runs(results),
  ]


def lead(results: Results) -> list[str]:
  """A sentence for each method against the baseline."""
  base = result_tables.method_table(results)[1 + results.methods.index(results.baseline)][2]
  pieces = [paragraph(f"{results.baseline.name}: mean Dice {base} %, the baseline.", "lead")]
  for method, gain in scores.mean_gains(results).items():
    comparison = gain.comparison
    text = f"{method}: {number_text.points(comparison.difference)} points against {results.baseline.name}"
    if comparison.enough:
      text += (
        f" (95 % interval {result_tables.interval(comparison)}; Wilcoxon p "
        f"{_equals(number_text.p_value(gain.wilcoxon_p))}, "
        f"t-test p {_equals(number_text.p_value(gain.ttest_p))}; {comparison.pairs} "
        f"{result_tables.pairs_are(results)})."
      )
    else:
      text += (
        f"; a test needs {MIN_PAIRS} {result_tables.pairs_are(results)} or more, this has {comparison.pairs}."
      )
    pieces.append(paragraph(text, "lead"))
  return [*pieces, paragraph(result_tables.note(results))]


def _equals(p: str) -> str:
  return p if p.startswith("<") else f"= {p}"


def _methods(results: Results) -> Section:
  return Section(
    "methods",
    "Methods",
    (
      table(to_html(result_tables.method_table(results))),
      paragraph(
        f"{result_tables.test_note(results)} MSD, HD, HD95: mean symmetric surface distance, Hausdorff "
        "distance, and its 95th percentile, "
        "over the pairs that have them: a method that misses more organs has fewer, and may look better. "
        "Missed: organ in one map alone."
      ),
    ),
  )


def _organs(results: Results, pictures: Pictures) -> Section:
  pieces = [
    table(to_html(result_tables.organ_table(results), strong_last=True)),
    pictures.keep("dice_boxes", box_plots.draw(results), "Box plots of Dice per organ and method"),
    paragraph(
      "Boxes: quartiles and median over cases; whiskers: the last case within 1.5 box lengths; "
      "points: cases. Stars: Holm-corrected "
      f"Wilcoxon test against {results.baseline.name}."
    ),
  ]
  if results.others:
    pieces += [
      heading(f"Gain against {results.baseline.name}, points of Dice"),
      table(to_html(result_tables.gain_table(results), strong_last=True)),
      paragraph(result_tables.test_note(results)),
    ]
  return Section("organs", "By organ", tuple(pieces))


def _overlays(results: Results, slices: SlicesOfMethods, pictures: Pictures) -> Section:
  if not all(slices.values()) or not overlays.shared_slices(slices):
    return _absent("overlays", "Slices", "No slices.npz that all methods share; " + _EVALUATE_AGAIN)
  return Section(
    "overlays",
    "Slices",
    (
      paragraph(
        "The axial slices with the most organs, of the first cases: no prediction had a say in the "
        "choice. Coloured: the reference (left), the predictions of each method's first run; white "
        "lines: the reference. The zoom shows the organ on which the methods differ most in that slice, "
        "its Dice there below."
      ),
      pictures.keep("overlays", overlays.draw(results, slices), "Slices with reference and predictions"),
    ),
  )


def _worst(results: Results, slices: SlicesOfMethods, pictures: Pictures) -> Section:
  pieces = [table(to_html(worst_cases.table(results)), text=True)]
  shown = worst_cases.pictured(results, slices)
  if any(shown.values()):
    pieces += [
      paragraph("Below: of each method's worst cases the slice where the worst organ is most wrong."),
      pictures.keep("worst_cases", worst_cases.draw(results, shown), "Slices of the worst cases"),
    ]
  else:
    pieces.append(paragraph("No slices of these cases (slices.npz); " + _EVALUATE_AGAIN, "absent"))
  return Section("worst", "Worst cases", tuple(pieces))


def _confusion(results: Results, pictures: Pictures) -> Section:
  shares = confusion_matrix.read(results)
  if shares is None:
    return _absent(
      "confusion",
      "Confusion between organs",
      "A run has no confusion.csv of these organs; " + _EVALUATE_AGAIN,
    )
  return Section(
    "confusion",
    "Confusion between organs",
    (
      paragraph(
        "Where the voxels of each reference class went, in % of the row, over all cases and runs; below "
        "1 % blank. An organ counts in the cases that annotate it, the background in those that "
        "annotate every organ."
      ),
      pictures.keep("confusion", confusion_matrix.draw(results, shares), "Confusion matrices"),
      heading("Largest confusions of an organ with another"),
      table(to_html(confusion_matrix.table(results, shares)), text=True),
    ),
  )


def _volumes(results: Results, pictures: Pictures) -> Section:
  measured = volume_agreement.read(results)
  if measured is None or not any(volume.reference_ml > 0 for found in measured.values() for volume in found):
    return _absent(
      "volumes", "Organ volumes", "A run has no volumes.csv, or no organ has a volume; " + _EVALUATE_AGAIN
    )
  return Section(
    "volumes",
    "Organ volumes",
    (
      paragraph("A point for each case, organ and run; on the line both are equal."),
      pictures.keep(
        "volumes", volume_agreement.draw(results, measured), "Predicted against reference organ volumes"
      ),
    ),
  )


def _training(logged: Curves, pictures: Pictures) -> Section:
  drawn = learning_curves.draw_training(logged)
  if drawn is None:
    return _absent("training", "Training", "No run has TensorBoard events (events/).")
  return Section(
    "training",
    "Training",
    (
      paragraph(
        "A line for each run; values are means since the point before. Dotted: the start of stage 2. "
        "Runs that took stage 1 from another begin there."
      ),
      pictures.keep(
        "training", drawn, "Losses, divergence, validation Dice and learning rate over the steps"
      ),
    ),
  )


def _shares(results: Results, logged: Curves, pictures: Pictures) -> Section:
  drawn = learning_curves.draw_shares(results, logged)
  if drawn is None:
    return _absent("prior", "Prior", "No run logged p̄: only training with partial images does.")
  return Section(
    "prior",
    "Prior",
    (
      paragraph(
        "p̄, a class's mean predicted probability over partial images, over q, its share in the "
        "labelled set: the prior of panns pulls it to the dashed line. A line for each run; "
        "logarithmic, clipped to what is shown."
      ),
      pictures.keep("prior", drawn, "Ratio of p̄ to q per class over the steps"),
    ),
  )


def _prior_check(results: Results, pictures: Pictures) -> Section:
  found = checked_stores.read(results)
  if not found:
    return _absent(
      "prior_check",
      "Does the prior hold?",
      "No store with partially labelled cases where the runs were trained; where there "
      "is one, this shows whether its organs take the share of the scans that the labelled cases say.",
    )
  first, others = found[0], found[1:]
  pieces = [
    paragraph(
      "The shares of the scans that organs take in the partial sets that annotate them, against q, their "
      "share in the "
      "labelled cases. Held to a wrong q, panns makes organs too large or too small."
    ),
    *map(paragraph, checked_stores.conclusions(first)),
    table(to_html(findings.verdict_table(first.check)), text=True),
    table(to_html(findings.scan_table(first.check)), text=True),
    pictures.keep(
      "prior_check",
      agreement_figure.draw(first.check),
      "Shares of each organ, case by case",
    ),
  ]
  if others:
    pieces.append(heading(f"{len(others)} other training sets; above is {first.name}, of the first run"))
    pieces += [paragraph(f"{one.name}: {checked_stores.conclusions(one)[0]}") for one in others]
  return Section("prior_check", "Does the prior hold?", tuple(pieces))


def _seeds(results: Results) -> Section:
  if max(len(method.seeds) for method in results.methods) < 2:
    return _absent(
      "seeds",
      "Seeds",
      "One seed per method: how much of a gain is chance of training cannot be told. Train more seeds.",
    )
  return Section(
    "seeds",
    "Seeds",
    (
      table(to_html(result_tables.seed_table(results))),
      paragraph(
        "Mean Dice in % over the seed's cases. A seed is one pair of a test of its own, from "
        f"{MIN_PAIRS} seeds on; with fewer, no p is given."
      ),
    ),
  )


def _runs(results: Results) -> Section:
  return Section("runs", "Runs", (table(to_html(result_tables.run_table(results))),))


def _absent(anchor: str, title: str, reason: str) -> Section:
  return Section(anchor, title, (paragraph(reason, "absent"),))
