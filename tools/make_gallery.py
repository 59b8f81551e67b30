"""Packs generators of runs into the gallery, which `tf_stugan.load_generator` knows by name, and writes its page.

  python tools/make_gallery.py --license=CC0-1.0 \\
      --generator=sngan_stugan_0.1=studies/claim_1/runs/stugan_0.1_s1 \\
      --generator=sngan_static_0.1=studies/claim_1/runs/static_0.1_s1 \\
      --data_license='CIFAR-10 states none; Krizhevsky, 2009, https://www.cs.toronto.edu/~kriz/cifar.html'

Each becomes a folder with weights, masks, configuration, samples and a model card, as `tf-stugan pack` makes it, which makes
sure that the packed generator makes the images of the run. What is there already stays; a name that is given again is
replaced. Nothing is written unless all of them can be.
"""

import json
import pathlib
import sys
import tempfile

from absl import app
from absl import flags
import user_errors

from tf_stugan import cli
from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.reports.records import title
from tf_stugan.sharing import gallery
from tf_stugan.sharing import packed_files

FLAGS = flags.FLAGS
flags.DEFINE_multi_string('generator', [], 'NAME=WORKDIR of a run. May be repeated.')
flags.DEFINE_string('gallery', None, "Folder of the gallery; this checkout's if not given.")
flags.DEFINE_string('checkpoint', 'newest', 'Of each run: newest, best, or a step.')
flags.DEFINE_string('license', 'not stated', 'Of the weights, as of `tf-stugan pack`.')
flags.DEFINE_string('data_license', '', 'Under which the training data are available, as of `tf-stugan pack`.')
flags.DEFINE_float('most_megabytes', 2, 'The largest generator that is taken in, with all of its parts.', lower_bound=0)

_SIGN = '<!-- Written by tools/make_gallery.py. -->\n'
_HEAD = """# Gallery

Generators that were trained sparse, and what they are compared with, by name:

    import tf_stugan
    images = tf_stugan.load_generator('NAME').sample(range(16))                     # of latents: uint8 [16, H, W, C]
    images = tf_stugan.load_generator('cyclegan_NAME').translate(pictures, 'a_to_b')    # of pictures, uint8 [N, H, W, C]

Each folder is what `tf-stugan pack` writes, with a model card: data, cost, scores with their protocol, licences.

"""


def make(generators: dict[str, str], folder: pathlib.Path) -> None:
  """Packs the generators of these workdirs, by name, into a folder.

  Raises:
    UserError: one cannot be packed, or is too large.
  """
  folder.mkdir(parents=True, exist_ok=True)
  page = folder / 'README.md'
  output_files.check_file(page, _SIGN.encode())
  with tempfile.TemporaryDirectory() as scratch:
    packed = {name: _pack(workdir, pathlib.Path(scratch, name)) for name, workdir in generators.items()}
    for name in packed:
      output_files.check_folder(folder / name, packed_files.COMMAND)
    for name, files in packed.items():
      with output_files.new_folder(folder / name, packed_files.COMMAND) as path:
        path.mkdir()
        for part, content in files.items():
          (path / part).write_bytes(content)
  with output_files.new_file(page, _SIGN.encode()) as path:
    path.write_text(describe(folder), encoding='utf-8')


def _pack(workdir, target):
  """Returns the parts of a packed run."""
  command = ['tf-stugan', 'pack', f'--workdir={workdir}', f'--checkpoint={FLAGS.checkpoint}', f'--output={target}',
             f'--license={FLAGS.license}', f'--data_license={FLAGS.data_license}']
  if cli.main(command):
    raise errors.UserError(f'{workdir} cannot be packed; nothing was written.')
  files = packed_files.read(target)
  size = sum(map(len, files.values())) / 1e6
  if size > FLAGS.most_megabytes:
    raise errors.UserError(f'{target.name} has {size:.1f} MB; the gallery takes {FLAGS.most_megabytes:g} '
                           '(--most_megabytes). Nothing was written.')
  return files


def describe(folder: pathlib.Path) -> str:
  """Writes the page of a gallery: a line for each generator, from its card."""
  lines = ['| generator | method, steps | data | weights kept | training FLOPs / dense | score | images |\n',
           f'|{" --- |" * 7}\n']
  for path in sorted(folder.glob('*/card.json')):
    card = json.loads(path.read_text(encoding='utf-8'))
    lines.append('| ' + ' | '.join(_cells(path.parent.name, card)) + ' |\n')
  return _SIGN + _HEAD + (''.join(lines) if len(lines) > 2 else 'It is empty: `python tools/make_gallery.py --help`.\n')


def _cells(name, card):
  networks = [value for value in card['cost'].values() if isinstance(value, dict)]
  kept, whole = (sum(network[key] for network in networks) for key in ('kept_parameters', 'parameters'))
  spent = card['cost'].get('all_training_operations', card['cost'].get('training_operations'))
  cost = spent / card['cost']['dense_training_operations'] if networks else None
  data = ', '.join(str(told.get('name', told)) if isinstance(told, dict) else str(told) for told in card['data'].values())
  pictures = ' '.join(f'![{name}]({name}/{picture})' for picture in card['samples'])
  return (f'[{name}]({name}/README.md)', f'{card["method"]}, {card["step"]:,}', data, f'{kept:,} of {whole:,}',
          '' if cost is None else f'{cost:.2f}', _score(card), pictures)


def _score(card):
  """Returns the first score, with what it was computed by."""
  for row in card['scores']:
    for name in row.get('better', {}):
      return f'{title(name)} {row[name]:.4g} ({row["protocol"]["extractor"]})'
  return ''


def main(_):
  pairs = [text.partition('=') for text in FLAGS.generator]
  if wrong := [text for text, (name, _, workdir) in zip(FLAGS.generator, pairs, strict=True) if not (name and workdir)]:
    raise errors.UserError(f'--generator={wrong[0]}: give NAME=WORKDIR.')
  folder = pathlib.Path(FLAGS.gallery) if FLAGS.gallery else gallery.root()
  make({name: workdir for name, _, workdir in pairs}, folder)
  sys.stdout.write(f'{folder}/README.md\n')


if __name__ == '__main__':
  app.run(user_errors.in_one_line(main))
