"""What TensorBoard shows of a run, read from the file of events that it reads."""

import numpy as np
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2
import tensorflow as tf

from tf_stugan.data.images import Images
from tf_stugan.training import overview
from tf_stugan.training.run_log import Log
from tf_stugan.training.workdir import Workdir


def read_events(workdir):
  events = event_accumulator.EventAccumulator(str(workdir.events), size_guidance={'tensors': 0})
  events.Reload()
  return events


def read_settings(events):
  """What the page HParams takes for the settings of the run."""
  content = events.SummaryMetadata('_hparams_/session_start_info').plugin_data.content
  values = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
  return {name: getattr(value, value.WhichOneof('kind')) for name, value in values.items()}


def test_real_images_come_from_all_over_a_set(tmp_path):
  pixels = np.arange(200, dtype=np.uint8)[:, None, None, None] * np.ones([200, 4, 4, 1], np.uint8)
  data = {'a': Images('sorted', pixels, np.zeros(200, np.int32), 1)}
  overview.write(Log(Workdir(tmp_path)), 3, 'SEED = 1\n', {'SEED': 1}, data)
  event, = read_events(Workdir(tmp_path)).Tensors('samples/real_a')
  grid = tf.io.decode_png(event.tensor_proto.string_val[2]).numpy()
  shown = grid.reshape(8, 6, 8, 6)[:, 3, :, 3].ravel()
  assert event.step == 3 and shown[0] == 0 and shown[-1] == 199 and (np.diff(shown.astype(int)) >= 3).all()
