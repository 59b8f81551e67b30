"""What training costs before its second step: processor seconds of the import, of building networks, of tracing, of step 1.

Each experiment begins in a process of its own, on random images. Processor seconds are quoted, which other work on the
machine disturbs less than the clock; on two free cores a start takes about as long as they say.

  python tools/benchmark_start.py --experiment=sngan_cifar10_stugan --param='GENERATOR_WIDTH = 24'
"""

import json
import subprocess
import sys
import time

from absl import app
from absl import flags

FLAGS = flags.FLAGS
flags.DEFINE_multi_string('experiment', [
    'sngan_cifar10_small_stugan', 'sngan_cifar10_stugan', 'biggan_cifar10_stugan', 'biggan_imagenet128_stugan'],
    'Experiments of the gin tree.')
flags.DEFINE_multi_string('param', [], 'gin bindings, after those of the experiment.')
flags.DEFINE_multi_string('untried', ['biggan_imagenet128_stugan'], 'Those whose first step is too large for this machine.')
flags.DEFINE_string('one', None, 'Used by the tool itself: measure this experiment in this process.')

_COLUMNS = ('import', 'networks', 'tracing', 'first step', 'operations', 'graphs')


def measure(name: str) -> dict[str, float]:
  """Starts one experiment in this process; returns what each part took, by the names of `_COLUMNS`."""
  from tf_stugan import configuration  # pylint: disable=g-import-not-at-top
  configuration.load([configuration.find(f'{name}.gin'), configuration.find('runs/noise.gin')],
                     ['RandomImages.num_images = 2048', *FLAGS.param])
  experiment = configuration.make_experiment()
  seconds = [time.process_time()]
  trainer = experiment.make_trainer()
  data = experiment.build(trainer)
  seconds.append(time.process_time())
  iterator = trainer.batches(data)
  graph = trainer.graph.traced(iterator).graph
  seconds.append(time.process_time())
  if name not in FLAGS.untried:
    trainer.graph.run(iterator, 1, ())
  seconds.append(time.process_time())
  definition = graph.as_graph_def()
  operations = len(definition.node) + sum(len(function.node_def) for function in definition.library.function)
  parts = [seconds[0], *(b - a for a, b in zip(seconds, seconds[1:], strict=False))]
  return dict(zip(_COLUMNS, [*parts, operations, trainer.graph.num_graphs], strict=True))


def main(_):
  if FLAGS.one:
    sys.stdout.write(json.dumps(measure(FLAGS.one)))
    return
  sys.stdout.write(f'| experiment | {" | ".join(_COLUMNS)} |\n|{" --- |" * (len(_COLUMNS) + 1)}\n')
  for name in FLAGS.experiment:
    done = subprocess.run([sys.executable, *sys.argv, f'--one={name}'], check=False, capture_output=True, text=True)
    if done.returncode:
      sys.exit(f'{name}: {done.stderr.strip().splitlines()[-1]}')
    *parts, first, operations, graphs = json.loads(done.stdout.splitlines()[-1]).values()
    cells = [f'{seconds:.1f} s' for seconds in [*parts, first]] + [f'{operations:,}', str(graphs)]
    if name in FLAGS.untried:
      cells[3] = '-'
    sys.stdout.write(f'| `{name}` | {" | ".join(cells)} |\n')
    sys.stdout.flush()


if __name__ == '__main__':
  app.run(main)
