"""A key that stands twice is no JSON here."""

import pytest

from data.formats import strict_json


def test_what_is_right_is_read():
  assert strict_json.parse('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
  "text, says",
  [
    ('{"labels": {"1": "liver", "2": "spleen", "2": "pancreas"}}', 'the key "2" stands twice'),
    ('{"cases": [{"id": "p", "image": "a", "image": "b"}]}', 'the key "image" stands twice in case "p"'),
  ],
)
def test_a_key_twice(text, says):
  with pytest.raises(strict_json.KeyTwice, match=says):
    strict_json.parse(text)


def test_no_json():
  with pytest.raises(ValueError, match="Expecting"):
    strict_json.parse("{,}")
