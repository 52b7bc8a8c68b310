"""What the report says, section by section; here those of tables. A section without its data says why it is
empty."""

from __future__ import annotations

from deeplab_panns.evidence.paired_tests import MIN_PAIRS
from deeplab_panns.evidence.text_table import to_html
from deeplab_panns.report import picture_sections
from deeplab_panns.report.figures import box_plots, learning_curves, overlays
from deeplab_panns.report.page import Section, absent, heading, paragraph, table
from deeplab_panns.report.picture_sections import Pictures
from deeplab_panns.report.results import notes
from deeplab_panns.report.results.compared import Results
from deeplab_panns.report.results.result_tables import gain_table, method_table, organ_table
from deeplab_panns.report.results.run_tables import run_table, seed_table


def build(results: Results, pictures: Pictures) -> list[Section]:
  """All sections, in the page's order."""
  slices = overlays.read_slices(results)
  logged = learning_curves.read(results)
  return [
    _methods(results),
    _organs(results, pictures),
    picture_sections.overlays_of_slices(results, slices, pictures),
    picture_sections.worst(results, slices, pictures),
    picture_sections.confusion(results, pictures),
    picture_sections.volumes(results, pictures),
    picture_sections.training(logged, pictures),
    picture_sections.shares(results, logged, pictures),
    picture_sections.prior_check(results, pictures),
    _seeds(results),
    _runs(results),
  ]


def lead(results: Results) -> list[str]:
  """Pieces of HTML above the contents: each method against the baseline, and what the numbers are of."""
  sentences = [paragraph(sentence, "lead") for sentence in notes.against_baseline(results)]
  return [*sentences, paragraph(notes.note(results))]


def _methods(results: Results) -> Section:
  return Section(
    "methods",
    "Methods",
    (
      table(to_html(method_table(results))),
      paragraph(
        f"{notes.how_tested(results)} MSD, HD, HD95: mean symmetric surface distance, Hausdorff "
        "distance, and its 95th percentile, over the pairs that have them: a method that misses more organs "
        "has fewer, and may look better. Missed: organ in one map alone."
      ),
    ),
  )


def _organs(results: Results, pictures: Pictures) -> Section:
  pieces = [
    table(to_html(organ_table(results), strong_last=True)),
    pictures.keep("dice_boxes", box_plots.draw(results), "Box plots of Dice per organ and method"),
    paragraph(
      "Boxes: quartiles and median over cases; whiskers: the last case within 1.5 box lengths; points: "
      f"cases. Stars: Holm-corrected Wilcoxon test against {results.baseline.name}."
    ),
  ]
  if results.others:
    pieces += [
      heading(f"Gain against {results.baseline.name}, points of Dice"),
      table(to_html(gain_table(results), strong_last=True)),
      paragraph(notes.how_tested(results)),
    ]
  return Section("organs", "By organ", tuple(pieces))


def _seeds(results: Results) -> Section:
  if max(len(method.seeds) for method in results.methods) < 2:
    return absent(
      "seeds",
      "Seeds",
      "One seed per method: how much of a gain is chance of training cannot be told. Train more seeds.",
    )
  return Section(
    "seeds",
    "Seeds",
    (
      table(to_html(seed_table(results))),
      paragraph(
        "Mean Dice in % over the seed's cases. A seed is one pair of a test of its own, from "
        f"{MIN_PAIRS} seeds on; with fewer, no p is given."
      ),
    ),
  )


def _runs(results: Results) -> Section:
  return Section("runs", "Runs", (table(to_html(run_table(results))),))
