"""A generator in one file: what is in it, that it makes the same images elsewhere, and what is refused."""

import hashlib
import io
import json
import shutil
import zipfile

import gin
import numpy as np
from PIL import Image
import pytest
from safetensors import numpy as tensors

from tests import processes
from tests.test_cli import call
import tf_stugan
from tf_stugan import cli
from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import output_files
from tf_stugan.sharing import kept_weights
from tf_stugan.sharing import packed_files
from tf_stugan.training import checkpoints
from tf_stugan.training import measuring
from tf_stugan.training.run_log import Log
from tf_stugan.training.workdir import Workdir

def make_run(folder, *files, bindings=()):
  """A run of two steps as `train` leaves one, but that nothing was trained; its average differs from what is trained."""
  configuration.load([configuration.find(file) for file in files], bindings)
  workdir, experiment = Workdir(str(folder), create=True), configuration.make_experiment()
  trainer = experiment.make_trainer()
  run = experiment.prepare(trainer, workdir, None, folder / 'cache')
  for player in trainer.gan.players:
    for variable in player.averaged.trainable_variables if player.averaged else ():
      variable.assign(1.5 * variable)
  workdir.write_config(configuration.snapshot())
  output_files.write_whole(workdir.data, json.dumps({domain: {'name': data.name} for domain, data in run.data.items()}))
  log = Log(workdir)
  measuring.Cost(1, log)(trainer, 0)
  trainer.step.assign(2)
  if run.evaluator:
    measuring.Evaluate(1, run.evaluator, log)(trainer, 2)
  checkpoints.save(trainer, workdir.checkpoints)
  return folder


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A sparse conditional generator."""
  return make_run(tmp_path_factory.mktemp('run'), 'biggan_cifar10_small_stugan.gin', 'runs/tiny.gin', 'runs/noise.gin',
                  'metrics/random_network.gin', bindings=['NUM_SAMPLES = 16'])


@pytest.fixture(scope='module')
def packed(run, tmp_path_factory):
  file = tmp_path_factory.mktemp('packed') / 'digits.stugan'
  assert cli.main(['tf-stugan', 'pack', f'--workdir={run}', f'--output={file}', '--license=CC-BY-4.0']) == 0
  return file


@pytest.fixture(scope='module')
def generator(packed):
  return tf_stugan.load_generator(packed)


def parts_of(path):
  return packed_files.read(path)


def test_a_round_of_a_ladder_tells_what_it_took_to_find_and_no_paths_of_this_machine(tmp_path):
  run = make_run(tmp_path / 'run', 'sngan_cifar10_small_dense.gin', 'procedures/random_tickets.gin', 'runs/tiny.gin',
                 'runs/noise.gin', bindings=["DENSE = '/home/me/runs/imp_g/dense'", "TICKETS = '~/runs/imp_g/'",
                                             """METHOD = "/home/o'me/flowers\""""])
  rows = (run / 'metrics.jsonl').read_text()
  (run / 'metrics.jsonl').write_text(rows.replace('"kind": "cost"', '"kind": "cost", "operations_before": 2e9', 1))
  assert cli.main(['tf-stugan', 'pack', f'--workdir={run}', f'--output={tmp_path}/one.stugan', '--license=CC0-1.0']) == 0
  parts = parts_of(tmp_path / 'one.stugan')
  cost, config = json.loads(parts['card.json'])['cost'], parts['config.gin'].decode()
  assert cost['all_training_operations'] == 2e9 + cost['training_operations']
  assert f'{cost["all_training_operations"]:.4g} of all training that it took' in parts['README.md'].decode()
  assert "DENSE = 'dense'" in config and "TICKETS = 'imp_g'" in config and '/home/me' not in config
  assert tf_stugan.load_generator(tmp_path / 'one.stugan').sample([1]).shape == (1, 32, 32, 3)


def test_the_images_are_those_that_sample_draws(run, generator, capsys, tmp_path):
  for flags, given in ((['--seeds=3-6'], {}), (['--seeds=3-6', '--labels=7', '--truncation=0.5'],
                                               {'labels': 7, 'truncation': 0.5})):
    code, _, err = call(capsys, 'sample', f'--workdir={run}', *flags, '--scale=1', f'--output={tmp_path}/grid.png')
    assert code == 0, err
    images = generator.sample(range(3, 7), **given)
    assert images.dtype == np.uint8 and images.shape == (4, 32, 32, 3)
    with Image.open(tmp_path / 'grid.png') as grid:
      cells = np.asarray(grid).reshape(-1, 34, grid.width // 34, 34, 3).swapaxes(1, 2).reshape(-1, 34, 34, 3)
    np.testing.assert_array_equal(images, cells[:4, 1:-1, 1:-1])
  np.testing.assert_array_equal(generator.sample([5], labels=[7], truncation=0.5)[0], images[2])


def test_what_is_told_is_what_there_is(run, packed, generator):
  parts = parts_of(packed)
  assert set(parts) == {'weights.safetensors', 'masks.safetensors', 'config.gin', 'card.json', 'README.md', 'samples.png'}
  assert parts['config.gin'] == (run / 'config.gin').read_bytes()
  weights, bits = (tensors.load(parts[f'{name}.safetensors']) for name in ('weights', 'masks'))
  card = generator.card
  assert set(card['densities']) == set(bits) == set(generator.masks)
  for layer, mask in generator.masks.items():
    assert card['densities'][layer] == round(np.count_nonzero(mask) / mask.size, 6) < 1
    assert weights[f'{layer}/kernel'].shape == (np.count_nonzero(mask),)
    np.testing.assert_array_equal(np.unpackbits(bits[layer])[:mask.size], mask.ravel())
  rows = [json.loads(line) for line in (run / 'metrics.jsonl').read_text().splitlines()]
  scored = next(row for row in rows if row['kind'] == 'evaluation')
  assert card['scores'][0]['rfd'] == scored['rfd'] and card['scores'][0]['protocol'] == scored['protocol']
  assert card['cost']['generator']['kept_parameters'] < card['cost']['generator']['parameters']
  trained = [row for row in rows if row['kind'] == 'cost']
  assert card['cost']['training_operations'] == 2 * trained[0]['step_operations']
  assert card['cost']['dense_training_operations'] == 2 * trained[0]['dense_step_operations']
  readme = parts['README.md'].decode()
  for text in ('license: cc-by-4.0', "load_generator('digits.stugan')", 'random network of width 32', '| rfd |',
               card['data']['data']['name'], 'stugan', 'block1/conv1'):
    assert text in readme, text
  with Image.open(io.BytesIO(parts['samples.png'])) as samples:
    assert samples.size == (8 * 34, 8 * 34)


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_and_replaces_only_its_own(run, packed, capsys, tmp_path):
  before = packed.read_bytes()
  assert call(capsys, 'pack', f'--workdir={run}', f'--output={packed}', '--license=CC-BY-4.0')[0] == 0
  assert packed.read_bytes() == before
  mine = tmp_path / 'mine.stugan'
  mine.write_text('mine')
  code, _, err = call(capsys, 'pack', f'--workdir={run}', f'--output={mine}')
  assert code == 2 and 'is not what this command wrote' in err and mine.read_text() == 'mine'
  assert call(capsys, 'pack', f'--workdir={run}', f'--output={tmp_path}')[0] == 0
  assert {path.name for path in tmp_path.iterdir()} == {'mine.stugan', 'generator.stugan'}
  code, _, err = call(capsys, 'pack', f'--workdir={run}', f'--output={tmp_path}/none/x.stugan')
  assert code == 2 and 'there is no such folder' in err


@pytest.mark.slow
def test_a_folder_has_the_same_parts(run, packed, generator, capsys, tmp_path):
  (tmp_path / 'MY LICENSE').write_text('Do what you like.')
  assert call(capsys, 'pack', f'--workdir={run}', f'--output={tmp_path}/digits',
              f'--license={tmp_path}/MY LICENSE')[0] == 0
  parts = parts_of(tmp_path / 'digits')
  assert parts.pop('LICENSE') == b'Do what you like.' and set(parts) == set(parts_of(packed))
  assert b'license: other' in parts['README.md']
  np.testing.assert_array_equal(tf_stugan.load_generator(tmp_path / 'digits').sample([1]), generator.sample([1]))
  kernel = tmp_path / 'digits' / 'weights.safetensors'
  kernel.write_bytes(kernel.read_bytes()[:-1] + b'!')
  with pytest.raises(errors.DataError, match=r'weights\.safetensors does not have the SHA-256'):
    tf_stugan.load_generator(tmp_path / 'digits')
  kernel.unlink()
  with pytest.raises(errors.DataError, match='is not there'):
    tf_stugan.load_generator(tmp_path / 'digits')
  kernel.symlink_to('/etc/hostname')
  with pytest.raises(errors.DataError, match='is a link'):
    tf_stugan.load_generator(tmp_path / 'digits')


def test_costs_that_were_not_logged_from_the_first_step_on_are_not_added_up(run, tmp_path):
  shutil.copytree(run, tmp_path / 'run')
  rows = Workdir(tmp_path / 'run').rows()
  text = ''.join(json.dumps({**row, 'step': 1} if row['kind'] == 'cost' else row) + '\n' for row in rows)
  (tmp_path / 'run' / 'metrics.jsonl').write_text(text)
  file = tmp_path / 'digits.stugan'
  assert cli.main(['tf-stugan', 'pack', f'--workdir={tmp_path}/run', f'--output={file}', '--license=CC-BY-4.0']) == 0
  assert json.loads(parts_of(file)['card.json'])['cost'] == {}


def test_any_flipped_byte_is_found(packed, tmp_path):
  content = packed.read_bytes()
  places = [*np.random.default_rng(0).integers(0, len(content), 40), 0, 1, 30, len(content) - 1, len(content) - 70]
  for place in places:
    changed = bytearray(content)
    changed[place] ^= 1
    (tmp_path / 'changed.stugan').write_bytes(changed)
    with pytest.raises(errors.DataError, match='checksum is wrong'):
      tf_stugan.load_generator(tmp_path / 'changed.stugan')
  (tmp_path / 'cut.stugan').write_bytes(content[:1000])
  with pytest.raises(errors.DataError, match='checksum is wrong'):
    tf_stugan.load_generator(tmp_path / 'cut.stugan')


def forge(path, files, manifest=None):
  """A file with right checksums, whatever its names."""
  told = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} if manifest is None else manifest
  with zipfile.ZipFile(path, 'w') as archive:
    for name, content in {'tf_stugan.json': json.dumps({'written_by': 'tf-stugan pack', 'files': told}), **files}.items():
      archive.writestr(name, content)
    archive.comment = bytes(64)
  content = path.read_bytes()[:-64]
  path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())


@pytest.mark.parametrize('name', ['../outside', '/etc/passwd', 'a/../../b', '..', 'C:\\x', 'sub/part'])
def test_a_name_that_leads_elsewhere_is_refused(name, packed, tmp_path):
  forge(tmp_path / 'forged.stugan', {**parts_of(packed), name: b'x'})
  with pytest.raises(errors.DataError, match='leads elsewhere'):
    tf_stugan.load_generator(tmp_path / 'forged.stugan')
  folder = tmp_path / 'forged'
  folder.mkdir()
  (folder / 'tf_stugan.json').write_text(json.dumps({'files': {name: hashlib.sha256(b'x').hexdigest()}}))
  with pytest.raises(errors.DataError, match='leads elsewhere'):
    tf_stugan.load_generator(folder)
  assert not (tmp_path / 'outside').exists()


@pytest.mark.parametrize('change, message', [
    ({'card.json': b'{"format": 9, "version": "7.0"}'}, 'packed by tf_stugan 7.0'),
    ({'card.json': b'[]'}, 'is no packed run'),
    ({'card.json': b'{"format": 2, "modules": ["mine"]}'}, 'with code that is not in it: mine'),
    ({'weights.safetensors': b'nonsense'}, 'is no packed run'),
    ({'weights.safetensors': tensors.save({'generator/x': np.zeros(3)})}, 'is no packed run'),
    ({'weights.safetensors': lambda content: tensors.save({**tensors.load(content), 'generator/x': np.zeros(3)})},
     'other weights of generator'),
    ({'config.gin': b'import os\n'}, 'imports os, which is no part of this library'),
    ({'config.gin': b'\xff'}, 'is no packed run'),
])
def test_what_does_not_fit_together_is_one_line(change, message, packed, tmp_path):
  parts = parts_of(packed)
  change = {name: value(parts[name]) if callable(value) else value for name, value in change.items()}
  forge(tmp_path / 'forged.stugan', {**parts, **change})
  with pytest.raises(errors.UserError, match=message) as caught:
    tf_stugan.load_generator(tmp_path / 'forged.stugan')
  assert '\n' not in str(caught.value)


def test_kept_weights_go_back_to_their_places():
  rng = np.random.default_rng(1)
  mask = rng.random([3, 3, 2, 5]) < 0.2
  weights = {'g/a/kernel': rng.random(mask.shape) * mask, 'g/a/bias': rng.random(5), 'g/dense/kernel': rng.random([2, 3])}
  kept, bits = kept_weights.compress(weights, {'g/a': mask})
  assert kept['g/a/kernel'].shape == (mask.sum(),) and bits['g/a'].nbytes == 12  # 90 bits
  again, masks = kept_weights.expand(kept, bits, {'g/a': mask.shape})
  np.testing.assert_array_equal(masks['g/a'], mask)
  assert again.keys() == weights.keys()
  for name, value in weights.items():
    np.testing.assert_array_equal(again[name], value)
  for wrong in (kept['g/a/kernel'][:1], kept['g/a/kernel'][:-1]):  # one number would fill all places
    with pytest.raises(ValueError, match='weights are kept'):
      kept_weights.expand({**kept, 'g/a/kernel': wrong}, bits, {'g/a': mask.shape})


def test_what_is_no_packed_run_is_one_line(tmp_path):
  for path in (tmp_path / 'none', tmp_path):
    with pytest.raises(errors.DataError, match='is not there'):
      tf_stugan.load_generator(path)
  forge(tmp_path / 'empty.stugan', {}, manifest={'card.json': '0'})
  with pytest.raises(errors.DataError, match='is no packed run'):
    tf_stugan.load_generator(tmp_path / 'empty.stugan')


@pytest.mark.parametrize('arguments, message', [
    (([-1],), 'from 0 on'), (([0.5],), 'from 0 on'), (([],), 'from 0 on'), (([0], 10), 'below 10'), (([0], -1), 'below 10'),
    (([0], None, None, 'b_to_a'), 'one of images')])
def test_what_cannot_be_made_is_one_line(arguments, message, generator):
  with pytest.raises(errors.UserError, match=message):
    generator.sample(*arguments)


def test_gin_is_afterwards_what_it_was(packed):
  gin.clear_config()

  @gin.configurable('packing_test')
  def mine(depth):
    return depth
  gin.parse_config('packing_test.depth = 3\nNUM_STEPS = 77')
  mine()
  before = (gin.config_str(), gin.operative_config_str(), gin.config_is_locked(), list(gin.config._REGISTRY.items()),
            list(gin.config._LOCATION_PREFIXES))
  try:
    tf_stugan.load_generator(packed)
    assert before == (gin.config_str(), gin.operative_config_str(), gin.config_is_locked(),
                      list(gin.config._REGISTRY.items()), list(gin.config._LOCATION_PREFIXES))
    assert mine() == 3
  finally:
    gin.clear_config()


@pytest.mark.slow
def test_three_lines_in_a_new_process_and_nothing_heavy_before(packed, generator):
  program = (f'import sys\nimport tf_stugan\nassert "tensorflow" not in sys.modules and "safetensors" not in sys.modules\n'
             f'generator = tf_stugan.load_generator({str(packed)!r})\n'
             'print(generator.sample(range(2)).sum(axis=(1, 2, 3)).tolist())\n')
  code, output = processes.finish(processes.start(['-c', program]))
  assert code == 0, output
  assert output.splitlines()[-1] == str(generator.sample(range(2)).sum(axis=(1, 2, 3)).tolist())


@pytest.mark.slow
def test_translators_are_packed_too(capsys, tmp_path):
  workdir = make_run(tmp_path / 'run', 'cyclegan_cifar10_small_stugan.gin', 'runs/tiny_cycle_gan.gin', 'metrics/none.gin')
  code, out, err = call(capsys, 'pack', f'--workdir={workdir}')
  assert code == 0 and 'a_to_b and b_to_a' in out, err
  generator = tf_stugan.load_generator(workdir / 'generator.stugan')
  assert {name.split('/')[0] for name in generator.masks} == {'a_to_b', 'b_to_a'}
  pictures = np.random.default_rng(0).integers(0, 256, [2, *generator.card['image_shapes']['a']], np.uint8)
  there, back = (generator.translate(pictures, name) for name in ('a_to_b', 'b_to_a'))
  assert there.shape == pictures.shape and there.dtype == np.uint8 and (there != back).any()
  for wrong, message in (((pictures,), 'output is one of a_to_b, b_to_a'), ((pictures / 255, 'a_to_b'), 'Images are uint8')):
    with pytest.raises(errors.UserError, match=message):
      generator.translate(*wrong)
  with pytest.raises(errors.UserError, match='This network translates'):
    generator.sample([0], output='a_to_b')
