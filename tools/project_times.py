"""How long the experiments of the papers would take on one GPU: a projection from counted operations, not a measurement.

  python tools/project_times.py --tera=20

--tera is what the GPU is taken to keep up in training, in 10^12 operations a second, two of them a multiply-add; measure
yours with `tf-stugan train --profile` or from images/s. Masked layers are counted dense, since a GPU computes them so.
"""

import sys

from absl import app
from absl import flags
import user_errors

from tf_stugan import configuration
from tf_stugan.metrics import cost
from tf_stugan.reports import ledger

FLAGS = flags.FLAGS
flags.DEFINE_float('tera', 20, 'Sustained 10^12 operations a second.')
flags.DEFINE_multi_string('experiment', [
    'sngan_cifar10_stugan', 'sngan_stl10_dense', 'biggan_cifar10_stugan', 'biggan_tiny_imagenet_dense',
    'biggan_imagenet128_stugan'], 'Experiments of the gin tree.')


def main(_):
  sys.stdout.write('| experiment | steps | operations | hours |\n| --- | --- | --- | --- |\n')
  measured, = (c for c in cost.CONVENTIONS if c.name == 'measured')
  for name in FLAGS.experiment:
    configuration.load([configuration.find(f'{name}.gin')], [])
    experiment = configuration.make_experiment()
    steps = experiment.procedure.num_steps
    operations = ledger.ledger(experiment.make_trainer(), steps, measured).dense_training
    sys.stdout.write(f'| `{name}` | {steps:,} | {operations:.2e} | {operations / FLAGS.tera / 1e12 / 3600:.1f} |\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
