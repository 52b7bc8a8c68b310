"""A manifest of one case, with the fields that a test changes."""

import json

import pytest


@pytest.fixture
def write(tmp_path):
  (tmp_path / "ct.nii.gz").write_bytes(b"x")
  (tmp_path / "label.nii.gz").write_bytes(b"x")

  def write_manifest(case=None, **fields):
    entry = {
      "id": "a",
      "image": "ct.nii.gz",
      "label": "label.nii.gz",
      "annotated": "all",
      "labels": {"1": "liver", "7": "spleen"},
      **(case or {}),
    }
    content = {"organs": ["liver", "spleen"], "cases": [entry], **fields}
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path

  return write_manifest
