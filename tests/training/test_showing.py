import logging

import numpy as np
from PIL import Image
import pytest

from tests import tiny
from tf_stugan.data import images as images_lib
from tf_stugan.data import pictures
from tf_stugan.training import showing
from tf_stugan.training.run_log import Log
from tf_stugan.training.workdir import Workdir


@pytest.fixture(scope='module')
def trainer():
  return tiny.make_trainer()


def test_samples_that_cannot_be_written_do_not_stop_a_run(trainer, tmp_path, caplog):
  workdir = Workdir(tmp_path)
  workdir.samples.touch()  # a file where the folder should be
  with caplog.at_level(logging.WARNING):
    showing.Samples(1, workdir, Log(workdir), {}, count=2)(trainer, 1)
  assert 'samples of step 1 could not be written' in caplog.text


@pytest.mark.parametrize('batch_statistics, statistics', [(False, 'running'), (True, 'batch')])
def test_samples_have_the_statistics_that_their_text_names(trainer, tmp_path, batch_statistics, statistics):
  workdir = Workdir(tmp_path)
  showing.Samples(1, workdir, Log(workdir), {}, count=4, batch_statistics=batch_statistics)(trainer, 1)
  with Image.open(workdir.samples / 'step-00000001.png') as image:
    assert image.text == {
        'step': '1', 'output': 'images', 'weights': 'average', 'numbers': '0-3', 'statistics': statistics,
        'truncation': 'none'}
    output = trainer.gan.outputs['images']
    expected = images_lib.to_uint8(output.sample(np.arange(4), batch_statistics=batch_statistics))
    np.testing.assert_array_equal(image, pictures.make_grid(expected))
