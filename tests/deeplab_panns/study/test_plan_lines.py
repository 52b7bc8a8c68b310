"""Lines, flags and flagfiles of the study's plain files."""

import pytest

from data.input_error import InputError
from deeplab_panns.study.plan_lines import only_line, parse_flags, read_flagfile, read_lines, split_words


def test_lines_go_on_where_they_are_indented_and_comments_end_them(tmp_path):
  path = tmp_path / "x.table"
  path.write_text("# all\ncell a b  # the first\n  --x=1\n\ncell c --name=a#b\nbase f\n")
  assert read_lines(path, {"cell", "base", "seeds"}) == {
    "cell": ["a b --x=1", "c --name=a#b"],
    "base": ["f"],
    "seeds": [],
  }


@pytest.mark.parametrize("line", ["row a", "cell", "  cell a"])
def test_a_line_without_a_keyword_is_named(tmp_path, line):
  path = tmp_path / "x.table"
  path.write_text(f"\n{line}\n")
  with pytest.raises(InputError, match=r"x\.table, line 2: found '.*'; a line starts with one of base, cell"):
    read_lines(path, {"cell", "base"})


def test_a_table_that_is_no_text_is_named(tmp_path):
  path = tmp_path / "x.table"
  path.write_bytes(b"cell f\xfcll\n")
  with pytest.raises(InputError, match=r"x\.table: cannot be read as a table \(.*0xfc"):
    read_lines(path, {"cell"})


def test_words_are_quoted_as_in_a_shell():
  assert split_words("x", "a --scales='1, 2' b") == ["a", "--scales=1, 2", "b"]
  with pytest.raises(InputError, match=r"^x: found .*; No closing quotation\. Close the quote"):
    split_words("x", "a 'b")


def test_one_line_is_neither_none_nor_two():
  assert only_line("x", {"base": ["f"]}, "base") == "f"
  for lines in ([], ["f", "g"]):
    with pytest.raises(InputError, match=f"x: has {len(lines)} lines 'base'; needs one"):
      only_line("x", {"base": lines}, "base")


def test_the_later_flag_wins_and_one_without_a_value_is_true():
  assert parse_flags("x", ["--a=1", "--b", "--a=2", "--c="]) == {"a": "2", "b": "true", "c": ""}


@pytest.mark.parametrize(
  "word, says", [("a=1", "needs --flag=value"), ("--flagfile=f", "no flagfile"), ("--noa", "write --a=false")]
)
def test_what_is_no_flag_is_refused(word, says):
  with pytest.raises(InputError, match=says):
    parse_flags("x", [word])


def test_a_flagfile(tmp_path):
  path = tmp_path / "x.flags"
  path.write_text("# Expect: nothing\n--a=1\n\n  --b\n")
  assert read_flagfile(path) == {"a": "1", "b": "true"}
  with pytest.raises(InputError, match=r"gone\.flags: cannot be read as a flagfile"):
    read_flagfile(tmp_path / "gone.flags")
