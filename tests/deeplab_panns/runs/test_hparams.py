"""What TensorBoard's own reader finds of a run's settings and scores."""

from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.plugins.hparams import plugin_data_pb2

from deeplab_panns.runs.experiment import Experiment
from deeplab_panns.runs.hparams import write_score, write_settings


def test_settings_and_score_of_a_run_meet_in_one_row(tmp_path):
  write_settings(tmp_path / "a" / "events", Experiment(seed=7), "a")
  write_score(tmp_path / "a" / "events", "test", 0.75, 40)
  found = EventMultiplexer().AddRunsFromDirectory(str(tmp_path)).Reload()
  (run,) = found.Runs()
  metadata = found.PluginRunToTagToContent("hparams")[run]
  begun = plugin_data_pb2.HParamsPluginData.FromString(metadata["_hparams_/session_start_info"])
  settings = begun.session_start_info.hparams
  assert settings["seed"].number_value == 7 and settings["network"].string_value == "deeplab_v3"
  assert settings["scales"].string_value == "0.75,1.0,1.25,1.5,1.75,2.0" and not settings["mix"].bool_value
  about = plugin_data_pb2.HParamsPluginData.FromString(metadata["_hparams_/experiment"]).experiment
  (score,) = found.Tensors(run, "evaluation/test/dice/mean")
  assert score.step == 40 and "evaluation/test/dice/mean" in [
    metric.name.tag for metric in about.metric_infos
  ]
  assert {info.name for info in about.hparam_infos} == set(settings)
