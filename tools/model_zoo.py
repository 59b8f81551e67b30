"""Writes docs/models.md: what the models of gin_configs/models/ are and cost, from the gin tree itself.

  python tools/model_zoo.py --output=docs/models.md

Networks are built in a graph that is never run: no weight is drawn.
"""

import pathlib
import re
import sys

from absl import app
from absl import flags
import tensorflow as tf
import user_errors

from tf_stugan import configuration
from tf_stugan import output_files
from tf_stugan.layers.normalization import BatchNorm
from tf_stugan.layers.prunable import kernel_layers
from tf_stugan.training import layer_choice

FLAGS = flags.FLAGS
flags.DEFINE_string('output', None, 'File to write; standard output if not given.')

_SIGN = b'tools/model_zoo.py'  # in _HEAD

_HEAD = '''# Models

Made by `python tools/model_zoo.py --output=docs/models.md` from the gin files; do not edit. Each model is
`gin_configs/models/<name>.gin`: include it in an experiment with a run, a data set, metrics and a method. Parameters and
multiply-adds (of one image forward, convolutions and dense layers) are those at full width with every weight. *Masked* is
the share of the parameters that carry masks under `layer_choice.conv_only`, STU-GAN's choice, and under `conv_and_dense`,
ADAPT's. `ablations/diff_augment.gin` on top adds DiffAugment to any of them.

| model | image | classes | network | parameters | masked, conv | masked, conv and dense | multiply-adds |
| --- | --- | --- | --- | --- | --- | --- | --- |
'''
_NUMBERS = '''
## Default hyper-parameters

Adam throughout. G and D: generator and discriminator; *updates*: of D before each of G.

| model | loss | batch D / G | updates | rate G / D | betas | EMA | latent | besides |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
'''
_SOURCES = '''
## Where they come from

'''


def models() -> list[pathlib.Path]:
  """Lists the gin files of all models."""
  return sorted((configuration.config_root() / 'models').glob('*.gin'))


def macros(text: str) -> dict[str, str]:
  """Returns {NAME: value}: the macros of a configuration snapshot, as gin writes them."""
  return dict(re.findall(r'^(\w+) = \\?\s*(.+?)$', text, re.MULTILINE))


def share(network, choice) -> str:
  """Returns the share of the parameters that carry masks under a choice of `layer_choice`."""
  total = sum(v.shape.num_elements() for v in network.trainable_variables)
  return f'{sum(v.weight.shape.num_elements() for v in choice(network)) / total:.1%}'.replace('%', ' %')


def networks_of(gan) -> dict:
  """Returns a network of each role, the generator's first; others of the role are like it."""
  return {player.role: player.network for player in sorted(gan.players, key=lambda player: player.role, reverse=True)}


def besides(gan, m) -> str:
  """Says what else tells a model from the next one."""
  networks = networks_of(gan)
  normalized = [role for role, network in networks.items()
                if any(layer.kernel_normalizer for layer in kernel_layers(network).values())]
  initial = list(kernel_layers(networks['generator']).values())[-1].kernel_initializer
  epsilon = {v.epsilon for v in networks['generator'].submodules if isinstance(v, BatchNorm)}
  words = [
      f'spectral norm ({" and ".join(normalized)})' if normalized else '',
      *(f'{_words(type(term).__name__)} {term.weight:g}'
        for terms in getattr(gan, 'terms', {}).values() for term in terms),
      f'cycle consistency {m["CYCLE"]}, identity {m["IDENTITY"]}' if 'CYCLE' in m else '',
      f'weights clipped at {m["DISCRIMINATOR_CLIP"]}' if 'DISCRIMINATOR_CLIP' in m else '',
      'DiffAugment' if getattr(gan, 'augment', None) else '',
      f'weights {initial if isinstance(initial, str) else initial.__name__}'.replace('_', ' '),
      f'BatchNorm epsilon {epsilon.pop():g}' if epsilon else '',
      f'Adam epsilon {float(m["ADAM_EPSILON"]):g}',
      f'{m["ACCUMULATION_STEPS"]} accumulated parts' if m.get('ACCUMULATION_STEPS', '1') != '1' else '',
      'mirrored images' if m['FLIP'] == 'True' else '',
      'scored with batch statistics' if m.get('BATCH_STATISTICS') == 'True' else '']
  return ', '.join(filter(None, words))


def _words(name):
  return re.sub(r'(?<!^)(?=[A-Z])', ' ', name).lower()


def describe(file: pathlib.Path) -> tuple[str, str, str]:
  """Writes the rows of the three parts for one model."""
  data = 'cycle_gan_set' if 'CycleGAN' in file.read_text() else 'cifar10'
  shared = ('runs/train.gin', f'models/{file.name}', f'datasets/{data}.gin', 'metrics/classifier.gin', 'methods/dense.gin')
  configuration.load([configuration.find(f) for f in shared], ['NUM_STEPS = 1'])
  with tf.Graph().as_default():
    gan = configuration.make_experiment().make_trainer().gan
    build = tf.autograph.experimental.do_not_convert(gan.build)  # Keras would rewrite every layer's Python, which takes long
    height, width, _ = next(iter(build().values()))
    rows, classes = [], getattr(gan, 'num_classes', 0)
    for role, network in networks_of(gan).items():
      parameters = sum(v.shape.num_elements() for v in network.trainable_variables)
      cost = sum(layer.multiply_adds for layer in kernel_layers(network).values())
      shares = ' | '.join(share(network, choice) for choice in (layer_choice.conv_only, layer_choice.conv_and_dense))
      rows.append(f'| `{file.stem}` | {height} x {width} | {classes or "-"} | {role} | {parameters:,} | '
                  f'{shares} | {cost / 1e6:,.1f} M |\n')
  m = macros(configuration.snapshot())
  loss = re.findall(r'(?:NoiseToImage|CycleGAN)\.loss = \\?\s*@(?:\w+\.)?(\w+)', configuration.snapshot())[0]
  average = m['EMA_DECAY'] if float(m.get('EMA_DECAY', 0)) and m.get('AVERAGED') != 'False' else 'none'
  start = f', from step {m["EMA_START"]}' if m.get('EMA_START', '0') != '0' else ''
  batches = [m['BATCH']] * 2 if 'BATCH' in m else [m['DISCRIMINATOR_BATCH'], m['GENERATOR_BATCH']]
  numbers = (f'| `{file.stem}` | {loss.replace("_", " ")} | {" / ".join(batches)} | '
             f'{m.get("DISCRIMINATOR_UPDATES", "1, after G")} | '
             f'{m["GENERATOR_LEARNING_RATE"]} / {m["DISCRIMINATOR_LEARNING_RATE"]} | '
             f'{m["BETA_1"]}, {m["BETA_2"]} | {average}{start} | {m.get("LATENT_SIZE", "-")} | {besides(gan, m)} |\n')
  head = re.match(r'(# .+\n)+', file.read_text())[0]
  return ''.join(rows), numbers, f'* `{file.stem}`: {" ".join(line.removeprefix("# ") for line in head.splitlines())}\n'


def main(_):
  if FLAGS.output:
    output_files.check_file(pathlib.Path(FLAGS.output), _SIGN)
  rows, numbers, sources = zip(*map(describe, models()), strict=True)
  text = _HEAD + ''.join(rows) + _NUMBERS + ''.join(numbers) + _SOURCES + ''.join(sources)
  if FLAGS.output:
    with output_files.new_file(pathlib.Path(FLAGS.output), _SIGN) as path:
      path.write_text(text)
  else:
    sys.stdout.write(text)


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
