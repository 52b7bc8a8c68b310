"""The sections of the report that show pictures. A section without its data says why it is empty."""

from __future__ import annotations

import dataclasses
import pathlib

from data.whole_file import write_bytes
from deeplab_panns.evidence.text_table import to_html
from deeplab_panns.prior_check import agreement_figure, findings
from deeplab_panns.report.figures import (
  confusion_matrix,
  learning_curves,
  overlays,
  volume_agreement,
  worst_cases,
)
from deeplab_panns.report.figures.learning_curves import Curves
from deeplab_panns.report.figures.overlays import SlicesOfMethods
from deeplab_panns.report.page import Section, absent, heading, paragraph, picture, table
from deeplab_panns.report.results import checked_stores
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


def overlays_of_slices(results: Results, slices: SlicesOfMethods, pictures: Pictures) -> Section:
  """The same slices by all methods."""
  if not all(slices.values()) or not overlays.shared_slices(slices):
    return absent("overlays", "Slices", "No slices.npz that all methods share; " + _EVALUATE_AGAIN)
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


def worst(results: Results, slices: SlicesOfMethods, pictures: Pictures) -> Section:
  """Each method's worst cases, as a table and in pictures."""
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


def confusion(results: Results, pictures: Pictures) -> Section:
  """Which organs are taken for which."""
  shares = confusion_matrix.read(results)
  if shares is None:
    return absent(
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


def volumes(results: Results, pictures: Pictures) -> Section:
  """Predicted against reference volumes."""
  measured = volume_agreement.read(results)
  if measured is None or not any(volume.reference_ml > 0 for found in measured.values() for volume in found):
    return absent(
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


def training(logged: Curves, pictures: Pictures) -> Section:
  """Losses, divergence, validation and learning rate over the steps."""
  png = learning_curves.draw_training(logged)
  if png is None:
    return absent("training", "Training", "No run has TensorBoard events (events/).")
  return Section(
    "training",
    "Training",
    (
      paragraph(
        "A line for each run; values are means since the point before. Dotted: the start of stage 2. "
        "Runs that took stage 1 from another begin there."
      ),
      pictures.keep("training", png, "Losses, divergence, validation Dice and learning rate over the steps"),
    ),
  )


def shares(results: Results, logged: Curves, pictures: Pictures) -> Section:
  """The mean prediction p̄ of each class over its share q."""
  png = learning_curves.draw_shares(results, logged)
  if png is None:
    return absent("prior", "Prior", "No run logged p̄: only training with partial images does.")
  return Section(
    "prior",
    "Prior",
    (
      paragraph(
        "p̄, a class's mean predicted probability over partial images, over q, its share in the "
        "labelled set (with --anchored_prior the share expected around the annotated organs of the "
        "same images): the prior of panns pulls it to the dashed line. A line for each run; "
        "logarithmic, clipped to what is shown."
      ),
      pictures.keep("prior", png, "Ratio of p̄ to q per class over the steps"),
    ),
  )


def prior_check(results: Results, pictures: Pictures) -> Section:
  """What prior_check says of the stores that the runs were trained on."""
  found = checked_stores.read(results)
  if not found:
    return absent(
      "prior_check",
      "Does the prior hold?",
      "No store with partially labelled cases where the runs were trained, or it has changed since; where "
      "there is one, this shows whether its organs take the share of the scans that the labelled cases say.",
    )
  first, others = found[0], found[1:]
  pieces = [
    paragraph(
      "The shares of the scans that organs take in the partial sets that annotate them, against q, their "
      "share in the labelled cases. Held to a wrong q, panns makes organs too large or too small."
    ),
    *map(paragraph, findings.conclusions(first.check)),
    table(to_html(findings.verdict_table(first.check)), text=True),
    table(to_html(findings.scan_table(first.check)), text=True),
    pictures.keep("prior_check", agreement_figure.draw(first.check), "Shares of each organ, case by case"),
  ]
  if others:
    pieces.append(heading(f"{len(others)} other training sets; above is {first.name}, of the first run"))
    pieces += [paragraph(f"{one.name}: {findings.conclusions(one.check)[0]}") for one in others]
  return Section("prior_check", "Does the prior hold?", tuple(pieces))
