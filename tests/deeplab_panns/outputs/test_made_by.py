"""What made a prediction."""

import importlib.metadata

from deeplab_panns.outputs import made_by


def test_the_version_is_the_installed_one_or_none(monkeypatch):
  assert made_by.MadeBy("abc").version == importlib.metadata.version("panns")

  def missing(name):
    raise importlib.metadata.PackageNotFoundError(name)

  monkeypatch.setattr(made_by.importlib.metadata, "version", missing)
  assert made_by.MadeBy().version == "0"
