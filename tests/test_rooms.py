"""Which package may import which, and where flags are read."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
MAY_IMPORT = {"data": set(), "dltk_unet": set(), "deeplab_panns": {"data", "dltk_unet"}}


def imported(path):
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    if isinstance(node, ast.Import):
      yield from (alias.name.split(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom) and not node.level:
      yield node.module.split(".")[0]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_only_the_layers_below(package):
  files = list((ROOT / package).rglob("*.py"))
  assert files
  for path in files:
    assert not (set(MAY_IMPORT) - MAY_IMPORT[package] - {package}) & set(imported(path)), path


def test_flags_are_read_in_main_only():
  for package in MAY_IMPORT:
    for path in (ROOT / package).rglob("*.py"):
      if path.name == "command.py":  # parses them for every command
        continue
      for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if getattr(node, "name", "") != "main":
          assert not any(
            isinstance(part, ast.Attribute) and part.attr == "FLAGS" for part in ast.walk(node)
          ), path


def test_no_module_named_for_nothing():
  names = {path.stem for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py")}
  assert not names & {"utils", "util", "common", "helpers", "helper", "registry", "misc"}


def test_another_package_named_data_is_noticed(tmp_path):
  (tmp_path / "data").mkdir()
  (tmp_path / "data" / "__init__.py").write_text("")
  code = (
    f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; sys.path.append({str(ROOT)!r}); import deeplab_panns"
  )
  result = subprocess.run(
    [sys.executable, "-P" if sys.version_info >= (3, 11) else "-B", "-c", code],
    capture_output=True,
    text=True,
    cwd=tmp_path,
    check=False,
  )
  assert result.returncode and "needs its own package `data`" in result.stderr
