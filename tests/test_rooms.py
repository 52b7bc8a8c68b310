"""The rooms and their walls: which may import which, how large they may grow, and that every module has its
test."""

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ("data", "dltk_unet", "deeplab_panns")

# A room is a folder of modules; "x (commands)" are the modules of a package's own folder that `python -m`
# runs, "x" the other modules there. What a room may import, besides itself and the third parties;
# WORKSPACE.md shows the same table.
READING = {"data.formats", "data.dicom", "data.reading"}
DATA = {"data", "data.files", "data.stored", "data.batches", "data.synthetic"} | READING
MAY_IMPORT = {
  "data": set(),
  "data.files": {"data"},
  "data.formats": {"data"},
  "data.dicom": {"data", "data.formats"},
  "data.reading": {"data", "data.formats", "data.dicom"},
  "data.layouts": {"data", "data.formats"},
  "data.dataset_json": {"data", "data.formats"},  # of formats only strict_json
  "data.manifest": {"data", "data.files", "data.dataset_json"} | READING,
  "data.guards": {"data"},
  "data.signals": {"data"},
  "data.overview": {"data", "data.guards"},
  "data.stored": {"data", "data.files", "data.formats", "data.reading", "data.guards", "data.overview"}
  | {"data.dataset_json"},
  "data.atlas": {"data", "data.stored"},
  "data.check": {"data", "data.files", "data.guards", "data.stored"},
  "data.merge": {"data", "data.files", "data.guards", "data.overview", "data.stored"},
  "data.batches": {"data", "data.stored", "data.atlas"},
  "data.synthetic": {
    "data",
    "data.files",
    "data.dataset_json",
    "data.formats",
    "data.reading",
    "data.stored",
  },
  "data (commands)": DATA | {"data.dataset_json", "data.layouts", "data.guards", "data.overview"},
  "dltk_unet": set(),
  "deeplab_panns.networks": {"dltk_unet"},  # of it only keras_version and batch norm
  "deeplab_panns.method": {"data", "data.stored", "deeplab_panns.networks"},
  "deeplab_panns.rivals": {"data", "deeplab_panns.method"},
  "deeplab_panns.segmentation": {"data", "data.batches", "data.signals", "data.stored"},
  "deeplab_panns.postprocessing": {"data"},
  # of segmentation only familiar_scans, which imports no TensorFlow
  "deeplab_panns.portable": {"data", "data.signals", "deeplab_panns.segmentation"},
  "deeplab_panns.exports": {"data", "data.files", "data.stored", "deeplab_panns.segmentation"}
  | {"deeplab_panns.portable", "deeplab_panns.runs"},
  "deeplab_panns.outputs": {"data"} | READING,
  "deeplab_panns.prediction": DATA - {"data.synthetic", "data.batches"}
  | {
    "data.guards",
    "data.signals",
    "deeplab_panns.segmentation",
    "deeplab_panns.exports",
    "deeplab_panns.outputs",
  },
  "deeplab_panns.runs": DATA - {"data.synthetic"}
  | {"dltk_unet", "deeplab_panns.networks", "deeplab_panns.method", "deeplab_panns.segmentation"},
  "deeplab_panns.pretrained": {"data", "data.files", "deeplab_panns.networks", "deeplab_panns.runs"},
  "deeplab_panns.distribution": {"data", "data.batches", "deeplab_panns.runs"},
  "deeplab_panns.evidence": {"data"},
  "deeplab_panns.scores": DATA - {"data.synthetic", "data.batches"}
  | {"deeplab_panns.runs", "deeplab_panns.segmentation", "deeplab_panns.evidence"}
  | {"data.guards", "deeplab_panns.postprocessing"},
  "deeplab_panns.prior_check": {"data", "data.files", "data.stored", "deeplab_panns.evidence"},
  "deeplab_panns.training": DATA - {"data.synthetic"}
  | {"data.atlas"}
  | {"deeplab_panns.networks", "deeplab_panns.method", "deeplab_panns.runs", "deeplab_panns.segmentation"}
  | {"deeplab_panns.distribution", "deeplab_panns.scores", "deeplab_panns.evidence"}
  | {"deeplab_panns.prior_check", "deeplab_panns.pretrained", "deeplab_panns.rivals"},
  # of runs only setting_names, which imports nothing
  "deeplab_panns.report.results": {"data", "data.stored", "deeplab_panns.runs", "deeplab_panns.scores"}
  | {"deeplab_panns.evidence", "deeplab_panns.prior_check"},
  "deeplab_panns.report.figures": {"data", "deeplab_panns.scores", "deeplab_panns.evidence"}
  | {"deeplab_panns.report.results"},
  "deeplab_panns.report": {"data", "data.files", "deeplab_panns.scores", "deeplab_panns.evidence"}
  | {"deeplab_panns.prior_check", "deeplab_panns.report.results", "deeplab_panns.report.figures"},
  "deeplab_panns.study": {
    "data",
    "data.files",
    "deeplab_panns.runs",
    "deeplab_panns.scores",
    "deeplab_panns.evidence",
  },
  "deeplab_panns.benchmark": DATA
  | {"dltk_unet", "deeplab_panns.networks", "deeplab_panns.method", "deeplab_panns.segmentation"}
  | {"deeplab_panns.scores"},
  "deeplab_panns.cost": {"data", "data.batches", "deeplab_panns", "deeplab_panns.benchmark"}
  | {"deeplab_panns.evidence", "deeplab_panns.runs"},
  # The commands see everything but one another; config.py holds the flags that train and crossval share.
  "deeplab_panns (commands)": DATA
  | {"deeplab_panns", "deeplab_panns.networks", "deeplab_panns.method", "deeplab_panns.segmentation"}
  | {"deeplab_panns.runs", "deeplab_panns.training", "deeplab_panns.scores", "dltk_unet"}
  | {"deeplab_panns.exports", "deeplab_panns.portable", "deeplab_panns.prediction"}
  | {"deeplab_panns.pretrained", "deeplab_panns.postprocessing", "data.dataset_json"},
  "deeplab_panns": DATA
  | {"dltk_unet", "deeplab_panns.networks", "deeplab_panns.method", "deeplab_panns.runs"}
  | {"deeplab_panns.distribution", "deeplab_panns.segmentation", "deeplab_panns.postprocessing"},
}
MOST_FILES = 15

# Modules without a test file of their name, and why.
TESTED_ELSEWHERE = {
  "data.arrays": "names of types alone; mypy checks them",
  "data.formats.segment": "two classes without code; test_seg_nrrd.py and test_segmentation.py fill them",
  "data.input_error": "a class without code; tests/data/test_command.py shows how it ends a command",
  "deeplab_panns.train": "flags and main; tests/deeplab_panns/test_commands.py and test_config.py",
}


def modules():
  """{dotted name: path} of all modules but the packages' own __init__.py."""
  paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
  return {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths if path.stem != "__init__"
  }


def is_command(path):
  return 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")


def room_of(name):
  """The room of a module or package by its dotted name."""
  path = ROOT / name.replace(".", "/")
  folder = name if path.is_dir() else name.rpartition(".")[0]
  if folder in ("data", "deeplab_panns") and not path.is_dir() and is_command(path.with_suffix(".py")):
    return f"{folder} (commands)"
  return folder


def imported(path):
  """Dotted names of the project's modules and packages that a file imports, at whatever depth of it."""
  for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
    names = []
    if isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      assert not node.level, f"{path}: relative import; name the package"
      names = [
        f"{node.module}.{alias.name}" if is_module(f"{node.module}.{alias.name}") else node.module
        for alias in node.names
      ]
    yield from (name for name in names if name.partition(".")[0] in PACKAGES)


def is_module(name):
  path = ROOT / name.replace(".", "/")
  return path.is_dir() or path.with_suffix(".py").is_file()


def arrows():
  """{(room, imported room)} over the whole tree."""
  return {
    (room_of(name), room_of(other))
    for name, path in modules().items()
    for other in imported(path)
    if room_of(name) != room_of(other)
  }


def walls():
  """The table of rooms for WORKSPACE.md: what a room says of itself, and what it may import."""
  lines = ["| room | what is in it | may import |", "|---|---|---|"]
  for room, allowed in MAY_IMPORT.items():
    folder = room.partition(" ")[0].replace(".", "/")
    says = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    what = "what `python -m` runs: flags and main" if room.endswith("(commands)") else says.split("\n\n")[0]
    shown = ", ".join(f"`{other}`" for other in MAY_IMPORT if other in allowed)
    lines.append(f"| `{room}` | {' '.join(what.split()).rstrip('.')} | {shown or '–'} |")
  return "\n".join(lines)


def test_the_map_shows_the_walls():
  assert walls() in (ROOT / "WORKSPACE.md").read_text(encoding="utf-8"), f"WORKSPACE.md needs\n{walls()}"


def test_every_room_stands_in_the_table():
  assert {room_of(name) for name in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room):
  found = {
    (name, other)
    for name, path in modules().items()
    if room_of(name) == room
    for other in imported(path)
    if room_of(other) not in MAY_IMPORT[room] | {room}
  }
  assert not found


def test_no_two_rooms_import_each_other():
  pairs = arrows()
  assert not {pair for pair in pairs if pair[::-1] in pairs}


def test_no_command_imports_another():
  commands = {name for name, path in modules().items() if is_command(path)}
  for name in commands:
    assert not commands & set(imported(modules()[name])), name


def test_no_room_grows_into_a_hall():
  sizes = {}
  for name in modules():
    sizes.setdefault(name.rpartition(".")[0], []).append(name)
  assert {room: len(names) for room, names in sizes.items() if len(names) > MOST_FILES} == {}


def test_every_module_has_a_test_of_its_name():
  missing = set()
  for name in modules():
    *folders, stem = name.split(".")
    stem = "main" if stem == "__main__" else stem
    if not (ROOT / "tests").joinpath(*folders, f"test_{stem}.py").is_file():
      missing.add(name)
  assert missing == set(TESTED_ELSEWHERE)


def test_tests_mirror_the_rooms():
  """A test file below tests/<package>/ is named after a module there, or says in WHOLE what it tests
  instead."""
  whole = {  # commands as their users run them, and laws of several modules
    "tests/deeplab_panns": {"bad_input", "commands", "commands_3d", "flagfiles", "memory", "real_ct"},
    "tests/deeplab_panns/training": {"killed", "memory_growth"},
  }
  for path in (ROOT / "tests").rglob("test_*.py"):
    folder, stem = path.parent.relative_to(ROOT), path.stem.partition("_")[2]
    if folder == pathlib.Path("tests") or stem in whole.get(folder.as_posix(), ()):
      continue
    module = pathlib.Path(*folder.parts[1:], "__main__" if stem == "main" else stem).with_suffix(".py")
    assert (ROOT / module).is_file(), path


def test_the_folder_of_every_room_is_a_package():
  folders = {path.parent for path in modules().values()}
  assert all((folder / "__init__.py").is_file() for folder in folders)


def test_flags_are_read_in_main_only():
  for name, path in modules().items():
    if name == "data.command":  # parses them for every command
      continue
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
      if getattr(node, "name", "") != "main":
        assert not any(isinstance(part, ast.Attribute) and part.attr == "FLAGS" for part in ast.walk(node)), (
          path
        )


def test_no_module_named_for_nothing():
  names = {name.rpartition(".")[2] for name in modules()}
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


if __name__ == "__main__":  # how many rooms there are, how they hang together, and the table for WORKSPACE.md
  all_rooms = {room_of(name) for name in modules()}
  sizes = {room: sum(room_of(name) == room for name in modules()) for room in all_rooms}
  print(
    f"{len(all_rooms)} rooms, {len(arrows())} arrows between them, at most {max(sizes.values())} files in one"
  )
  for room in MAY_IMPORT:
    print(
      f"  {room} ({sizes.get(room, 0)}) -> "
      f"{', '.join(sorted(other for one, other in arrows() if one == room))}"
    )
  print(walls())
