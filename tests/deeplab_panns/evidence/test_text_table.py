"""One table in four notations."""

import csv
import io

from deeplab_panns.evidence import text_table

ROWS = [["organ", "full", "λ2=1 & more"], ["left_kidney", "70.0 ± 1.2", "< 5 %"], ["mean | all", "1", "−2"]]


def test_markdown_is_padded():
  assert text_table.to_markdown(ROWS, "A note.") == (
    "| organ       |       full | λ2=1 & more |\n"
    "|-------------|-----------:|------------:|\n"
    "| left_kidney | 70.0 ± 1.2 |       < 5 % |\n"
    "| mean \\| all |          1 |          −2 |\n\nA note.\n"
  )


def test_latex_escapes_what_is_special():
  text = text_table.to_latex(ROWS, "Dice in %")
  assert r"left\_kidney & 70.0 $\pm$ 1.2 & $<$ 5 \% \\" in text and r"\caption{Dice in \%}" in text
  assert r"$\lambda$2=1 \& more" in text and text.count(r"\\") == 3


def test_html_escapes_what_is_special():
  text = text_table.to_html(ROWS, strong_last=True)
  assert (
    "<td>&lt; 5 %</td>" in text
    and "<th>λ2=1 &amp; more</th>" in text
    and '<tr class="sum"><td>mean | all</td>' in text
  )


def test_csv_is_read_back():
  assert list(csv.reader(io.StringIO(text_table.to_csv(ROWS)))) == ROWS
