"""Files of a case in hand lie apart, and nothing of them is left behind."""

import os
import subprocess
import sys

from deeplab_panns.prediction.unfinished_cases import UnfinishedCases


def test_a_case_has_a_folder_of_its_own_until_it_is_done(tmp_path):
  unfinished = UnfinishedCases(tmp_path)
  with unfinished.folder_of("a") as folder:
    (folder / "a.nii.gz").write_text("x")
    (parent,) = tmp_path.iterdir()
    assert folder.parent == parent and parent.name.startswith(".")
    unfinished.close()  # as at Ctrl-C, while another thread has it in hand
    assert (folder / "a.nii.gz").exists()
  assert not folder.exists()
  unfinished.close()
  assert not list(tmp_path.iterdir())


def test_what_a_dead_process_left_is_deleted_and_that_of_others_is_not(tmp_path):
  code = (
    "import pathlib, sys; from deeplab_panns.prediction.unfinished_cases import UnfinishedCases\n"
    "import os\nwith UnfinishedCases(pathlib.Path(sys.argv[1])).folder_of('b'):\n  os._exit(0)"
  )
  subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
  (left,) = tmp_path.iterdir()
  assert (left / "b").is_dir()
  prefix = left.name.rpartition(".")[0]
  for other in (f"{prefix}.{os.getppid()}", ".unfinished.another.1"):
    (tmp_path / other / "c").mkdir(parents=True)
  UnfinishedCases(tmp_path)
  assert not left.exists()
  assert {path.name for path in tmp_path.iterdir()} == {f"{prefix}.{os.getppid()}", ".unfinished.another.1"}
