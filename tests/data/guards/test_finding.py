"""Findings go into the index and come back."""

import json

from data.guards.finding import GUARDS, PLAUSIBILITY, Finding, from_json


def test_there_and_back():
  finding = Finding("side", True, "the liver lies left")
  assert from_json(json.loads(json.dumps(finding.as_json()))) == finding


def test_ct_duplicate_and_grid_are_guards_of_elsewhere():
  assert set(GUARDS) - set(PLAUSIBILITY) == {"ct", "duplicate", "grid"}
