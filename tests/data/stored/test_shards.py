"""Shares of a store: each case in one of them, and an index when the last is done."""

import pytest

from data.input_error import InputError
from data.stored.shards import OthersMissing, Shard, begin_shard, finish_shard, parse_shard
from data.stored.store import read_store
from tests.conftest import make_store, write_raw


@pytest.mark.parametrize("count", [1, 3, 7])
def test_each_case_is_in_one_share(count):
  for position in range(20):
    assert sum(Shard(index, count).takes(position) for index in range(1, count + 1)) == 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/4/2", ""])
def test_what_is_no_shard(text):
  with pytest.raises(InputError, match="from 1/n to n/n"):
    parse_shard(text)
  assert parse_shard("4/4") == Shard(4, 4)


def test_the_last_of_them_completes_and_a_repeated_one_takes_its_part_back(tmp_path):
  done = []

  def finish(index, plan="plan"):
    begin_shard(tmp_path, Shard(index, 3))
    finish_shard(tmp_path, Shard(index, 3), {"p": plan}, {f"case_{index}": {"id": index}}, done.append)

  for index, missing in ((2, [1, 3]), (2, [1, 3]), (1, [3])):
    with pytest.raises(OthersMissing) as error:
      finish(index)
    assert error.value.missing == missing
  with pytest.raises(OthersMissing) as error:  # of another manifest
    finish(3, "other plan")
  assert error.value.missing == [1, 2] and not done
  finish(3)
  assert done == [{"case_1": {"id": 1}, "case_2": {"id": 2}, "case_3": {"id": 3}}]
  (tmp_path / "index.json").write_text("x")
  begin_shard(tmp_path, Shard(1, 3))
  assert not (tmp_path / "index.json").exists()
  with pytest.raises(OthersMissing) as error:
    finish_shard(tmp_path, Shard(2, 3), {"p": "plan"}, {}, done.append)
  assert error.value.missing == [1]


def test_shards_make_the_store_that_one_process_makes(tmp_path):
  from data.stored.preparation import prepare_store

  path = write_raw(tmp_path / "raw", full=3, partial=2, test=0)
  whole = read_store(make_store(path, tmp_path / "whole"))
  with pytest.raises(OthersMissing):
    prepare_store(path, tmp_path / "shards", shard=Shard(2, 2))
  assert not (tmp_path / "shards" / "index.json").exists()
  prepare_store(path, tmp_path / "shards", shard=Shard(1, 2))
  assert (tmp_path / "shards" / "index.json").read_bytes() == (tmp_path / "whole" / "index.json").read_bytes()
  assert [case.sha256 for case in read_store(tmp_path / "shards").cases] == [
    case.sha256 for case in whole.cases
  ]
