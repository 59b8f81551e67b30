"""The command line: what it prints, and the exit codes of what goes wrong."""

import json
import os
import shlex
import signal
import subprocess
import sys
import urllib.request

import numpy as np
from PIL import Image
import pytest
import tensorflow as tf

from tests import processes
from tests.test_output_files import contents
from tests.training import test_overview
from tf_stugan import cli
from tf_stugan.commands import common
from tf_stugan.commands import sample
from tf_stugan.commands import train
from tf_stugan.export import tflite
from tf_stugan.gans import outputs
from tf_stugan.training import checkpoints
from tf_stugan.training import saved_steps
from tf_stugan.training.workdir import Workdir

NOISE = ['--gin_file=runs/tiny.gin', '--gin_file=runs/noise.gin']
# The quickstart's networks with a block in place of three, and two in place of four: less to trace.
TINY = ['--gin_file=quickstart.gin', *NOISE, '--gin_param=NUM_STEPS = 2', '--gin_param=IMAGE_RESOLUTION = 8',
        '--gin_param=resnet.Generator.multipliers = (1, 1)', '--gin_param=resnet.Discriminator.multipliers = (1, 1)']


@pytest.fixture(scope='module')
def cache(tmp_path_factory):
  return f'--cache_dir={tmp_path_factory.mktemp("cache")}'


@pytest.fixture(scope='module')
def run(tmp_path_factory, cache):
  workdir = tmp_path_factory.mktemp('a run with spaces and ünïcode')
  assert cli.main(['tf-stugan', 'train', f'--workdir={workdir}', cache, *TINY]) == 0
  return workdir


def call(capsys, *arguments):
  """(exit code, standard output, standard error)"""
  capsys.readouterr()
  code = cli.main(['tf-stugan', *map(str, arguments)])
  return (code, *capsys.readouterr())


def test_help_names_every_command_and_needs_no_tensorflow(capsys):
  code, out, _ = call(capsys, '--help')
  assert code == 0
  assert all(f'\n  {name} ' in out for name in cli.COMMANDS)


@pytest.mark.parametrize('command', cli.COMMANDS)
def test_every_command_explains_itself_with_examples(capsys, command):
  code, out, _ = call(capsys, command, '--help')
  assert code == 0
  assert 'Examples:' in out and f'tf-stugan {command}' in out and 'Flags:' in out


def test_a_run_leaves_what_it_promises(run):
  for name in ('config.gin', 'operative_config.gin', 'metrics.jsonl', 'samples/step-00000002.png',
               'checkpoints/step-00000002/manifest.json'):
    assert (run / name).stat().st_size > 0
  assert list((run / 'events').iterdir())


def test_tensorboard_shows_what_was_asked_for_and_real_images_beside_the_samples(run):
  events = test_overview.read_events(Workdir(run))
  assert {'samples/images', 'samples/real_data', 'configuration'} <= set(events.Tags()['tensors'])
  text = events.Tensors('configuration')[0].tensor_proto.string_val[0].decode()
  assert all(line.strip() in text for line in (run / 'config.gin').read_text().splitlines()[1:])
  settings = test_overview.read_settings(events)
  assert (settings['NUM_STEPS'], settings['GENERATOR_DENSITY'], settings['METHOD']) == (2, 0.1, 'STU-GAN')


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_tensorflow_is_imported_ends_it_quietly(number, tmp_path):
  (tmp_path / 'tensorflow.py').write_text('import time\nprint("importing", flush=True)\ntime.sleep(60)\n')
  environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), str(processes.ROOT)])}
  with subprocess.Popen([sys.executable, '-m', 'tf_stugan.cli', 'train', f'--workdir={tmp_path}/run',
                         '--gin_file=quickstart.gin'], env=environment,
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
    assert process.stdout.readline() == 'importing\n'
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
  assert process.returncode == 42 and err.startswith('tf-stugan train: stopped') and err.count('\n') == 1, err


@pytest.mark.parametrize('allocate', [
    lambda: np.empty(10**15), pytest.param(lambda: tf.zeros([10**13]), marks=pytest.mark.slow)])
def test_what_does_not_fit_into_memory_is_told_in_one_line(allocate, capsys, monkeypatch, tmp_path):
  monkeypatch.setattr(train, 'run', lambda values: allocate())
  assert cli.main(['tf-stugan', 'train', f'--workdir={tmp_path}', '--gin_file=quickstart.gin']) == 8
  err = capsys.readouterr().err
  assert 'not enough memory' in err and 'ACCUMULATION_STEPS' in err and err.count('\n') == 1


def test_training_again_goes_on_and_finds_it_done(run, cache, capsys):
  before = (run / 'metrics.jsonl').read_text()
  assert call(capsys, 'train', f'--workdir={run}', cache)[0] == 0
  assert (run / 'metrics.jsonl').read_text() == before
  assert len(test_overview.read_events(Workdir(run)).Tensors('configuration')) == 1


def test_a_run_ends_with_commands_that_work(run, cache, capsys):
  _, _, err = call(capsys, 'train', f'--workdir={run}', cache)
  commands = [shlex.split(line) for line in err.splitlines() if line.startswith('  tf-stugan ')]
  assert [command[1] for command in commands] == ['sample', 'export', 'report']
  assert call(capsys, *commands[0][1:])[0] == 0
  assert (run / 'samples.png').exists()


def test_a_dry_run_prepares_everything_and_leaves_nothing(cache, capsys, tmp_path):
  code, out, err = call(capsys, 'train', '--dry_run', f'--workdir={tmp_path}/new', cache, *TINY)
  assert code == 0 and 'NUM_STEPS = 2' in out and 'Nothing stands in the way' in err
  assert not list(tmp_path.iterdir())


def test_a_dry_run_on_a_run_says_no_where_going_on_would(run, cache, capsys):
  before = {path: path.stat().st_mtime_ns for path in run.rglob('*')}
  assert call(capsys, 'train', '--dry_run', f'--workdir={run}', cache)[0] == 0
  code, _, err = call(capsys, 'train', '--dry_run', f'--workdir={run}', cache, *TINY, '--gin_param=EMA_DECAY = 0.5')
  assert code == 2 and 'EMA_DECAY: 0.995 -> 0.5' in err
  assert {path: path.stat().st_mtime_ns for path in run.rglob('*')} == before


def test_a_dry_run_looks_for_the_run_that_it_would_begin_from(run, capsys, tmp_path):
  """Which is of other networks, or nowhere."""
  files = ('sngan_cifar10_small_prune_and_finetune.gin', 'runs/tiny.gin', 'runs/noise.gin', 'metrics/none.gin')
  for folder, message in ((run, 'holds other networks'), (tmp_path / 'nowhere', 'no checkpoint to begin from')):
    code, _, err = call(capsys, 'train', '--dry_run', f'--workdir={tmp_path}/new', *(f'--gin_file={f}' for f in files),
                        f'--gin_param=PRETRAINED = {str(folder)!r}')
    assert code == 5 and message in err
  assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_dry_run_of_a_ladder_begins_its_first_round_and_writes_nothing(cache, capsys, tmp_path):
  dense = [*TINY, '--gin_file=methods/dense.gin']
  ladder = [*dense, '--gin_file=procedures/omp_g.gin', '--gin_param=ROUNDS = 1', f"--gin_param=DENSE = '{tmp_path}/dense'"]
  assert call(capsys, 'train', f'--workdir={tmp_path}/dense', cache, *dense)[0] == 0
  assert call(capsys, 'train', '--dry_run', f'--workdir={tmp_path}/new', cache, *ladder)[0] == 0
  for rehearsal in (['--dry_run'], []):  # what is refused leaves nothing behind, either
    code, _, err = call(capsys, 'train', *rehearsal, f'--workdir={tmp_path}/new', cache, *ladder,
                        '--gin_param=GENERATOR_WIDTH = 5')
    assert code == 5 and 'holds other networks' in err
  assert [path.name for path in tmp_path.iterdir()] == ['dense']


def test_a_changed_configuration_is_refused_with_what_differs(run, cache, capsys):
  code, _, err = call(capsys, 'train', f'--workdir={run}', cache, *TINY, '--gin_param=EMA_DECAY = 0.5')
  assert code == 2
  assert 'EMA_DECAY: 0.995 -> 0.5' in err and '--allow_config_change' in err


def test_other_data_are_refused_like_another_configuration(run, cache, capsys):
  data = run / 'data.json'
  before = data.read_text()
  assert json.loads(before)['data']['images'] == 16
  data.write_text(before.replace('"images": 16', '"images": 17'))
  code, _, err = call(capsys, 'train', f'--workdir={run}', cache)
  assert code == 2 and '17 images' in err and 'now ' in err and '--allow_config_change' in err
  assert call(capsys, 'train', f'--workdir={run}', cache, '--allow_config_change')[0] == 0
  assert data.read_text() == before


def test_evaluate_gives_the_scores_of_training_again(run, cache, capsys):
  code, out, _ = call(capsys, 'evaluate', f'--workdir={run}', cache)
  assert code == 0
  scores = json.loads(out)
  trained = [row for row in Workdir(run).rows() if row['kind'] == 'evaluation'][-1]
  assert {k: scores[k] for k in ('fcd', 'cs', 'kcd')} == {k: trained[k] for k in ('fcd', 'cs', 'kcd')}
  assert scores['protocol']['generated_images'] == 16
  assert scores['better'] == trained['better'] == {'fcd': 'lower', 'cs': 'higher', 'kcd': 'lower'}
  assert json.loads(call(capsys, 'evaluate', f'--workdir={run}', cache, '--num_samples=8')[1])['protocol'][
      'generated_images'] == 8


def test_all_metrics_of_an_old_run_are_one_command(run, cache, capsys):
  code, out, err = call(capsys, 'evaluate', f'--workdir={run}', cache, '--checkpoint=all', '--gin_file=metrics/all.gin',
                        '--gin_param=prd.num_clusters = 4', '--gin_param=prd.runs = 1')
  assert code == 0, err
  printed = json.loads(out)
  assert printed['step'] == 2
  plain = json.loads(call(capsys, 'evaluate', f'--workdir={run}', cache)[1])
  assert set(printed) - set(plain) == {'conditions', *(f'classifier_{name}' for name in (
      'prd_f8', 'prd_f1_8', 'precision', 'recall', 'density', 'coverage'))}
  assert plain.pop('better').items() <= printed['better'].items()
  assert {name: printed[name] for name in plain} == plain  # what the run has itself does not change
  assert (run / 'evaluation' / 'step-00000002-classifier_prd.png').exists()
  row = json.loads((run / 'evaluations.jsonl').read_text().splitlines()[-2])
  assert row.pop('curves') and row == printed


def test_what_was_trained_cannot_be_changed_by_scoring_it(run, cache, capsys):
  before = (run / 'config.gin').read_text()
  code, _, err = call(capsys, 'evaluate', f'--workdir={run}', cache, '--gin_param=GENERATOR_DENSITY = 0.7')
  assert code == 2 and 'these change what was trained, or nothing: GENERATOR_DENSITY' in err
  assert (run / 'config.gin').read_text() == before


def test_evaluate_can_use_the_statistics_of_batches(run, cache, capsys):
  scores = [json.loads(call(capsys, 'evaluate', f'--workdir={run}', cache, *flags)[1])
            for flags in ([], ['--statistics=batch', '--batch_size=4'])]
  assert [s['protocol']['scored'] for s in scores] == [
      'average, running BatchNorm statistics', 'average, BatchNorm statistics of batches of 4']
  assert scores[0]['fcd'] != scores[1]['fcd']


def test_sample_and_export_and_report(run, cache, capsys, tmp_path):
  assert call(capsys, 'sample', f'--workdir={run}', '--seeds=0-3,9', f'--output={tmp_path}/grid.png')[0] == 0
  assert call(capsys, 'sample', f'--workdir={run}', '--seeds=1,2,3', '--interpolate=4',
              f'--output={tmp_path}/walk.png')[0] == 0
  code, out, _ = call(capsys, 'export', f'--workdir={run}', '--layout=plain', f'--output={tmp_path}/g.tflite')
  assert code == 0 and 'differs from Keras by at most' in out
  code, out, _ = call(capsys, 'report', f'--workdirs={run}', f'--output={tmp_path}/report')
  assert code == 0 and '| FCD ' in out and '| CS ' not in out and max(map(len, out.splitlines())) < 190
  assert '| CS ' in call(capsys, 'report', f'--workdirs={run}', f'--output={tmp_path}/report', '--columns=all')[1]
  # One run with one evaluation: no figure of training would say anything.
  written = {p.name for p in (tmp_path / 'report').iterdir()} - {'classifier_prd_curve.png'}  # where another test scored it
  assert written == {'report.md', 'report.csv', 'report.html', 'report.tex', 'rows.csv', 'curves.csv', 'tf_stugan.json'}
  assert all((tmp_path / name).stat().st_size > 500 for name in ('grid.png', 'walk.png', 'g.tflite'))


@pytest.mark.parametrize('command, written', [
    ('sample --seeds=0-3 --workdir', {'samples.png'}),
    pytest.param('export --layout=plain --nosparse --workdir', {'generator.tflite'}, marks=pytest.mark.slow),
    pytest.param('export --format=saved_model --workdir', {'saved_model', 'saved_model/variables'}, marks=pytest.mark.slow),
    ('report --workdirs', {'report.md', 'report.csv', 'curves.csv', 'tf_stugan.json'})])
def test_an_output_that_is_a_folder_means_into_it_and_all_in_it_stays(command, written, run, capsys, tmp_path):
  (tmp_path / 'saved' / 'variables').mkdir(parents=True)
  for name in ('thesis.txt', 'other.tflite', 'saved/saved_model.pb'):
    (tmp_path / name).write_text('not yours')
  before = contents(tmp_path)
  for _ in range(2):  # the second time it finds its own
    code, _, err = call(capsys, *command.split()[:-1], f'{command.split()[-1]}={run}', f'--output={tmp_path}')
    assert code == 0, err
  after = contents(tmp_path)
  assert before.items() <= after.items()
  assert written <= set(after) - set(before)
  assert not any('.writing' in name for name in after)


@pytest.mark.parametrize('command, name', [
    ('sample', 'photo.png'), ('export', 'other.tflite'), ('export --format=saved_model', 'saved'),
    ('report', 'theirs')])
def test_an_output_of_somebody_else_is_refused_and_stays(command, name, run, capsys, tmp_path):
  (tmp_path / 'theirs').mkdir()
  for file in ('photo.png', 'other.tflite', 'saved', 'theirs/report.md'):
    (tmp_path / file).write_text('not yours')
  before = contents(tmp_path)
  where = f'--workdir{"s" if command == "report" else ""}={run}'
  code, _, err = call(capsys, *command.split(), where, f'--output={tmp_path}/{name}')
  assert code == 2 and 'not what this command wrote' in err and len(err.splitlines()) == 1
  assert contents(tmp_path) == before


def test_export_lowers_explains_and_describes(run, capsys, tmp_path):
  code, out, _ = call(
      capsys, 'export', f'--workdir={run}', '--layout=sparse_lowered', '--explain', f'--output={tmp_path}/g.tflite')
  assert code == 0
  assert 'block1/conv2' in out and 'sparse path' in out and 'sparse_lowered layout' in out
  described = tflite.metadata((tmp_path / 'g.tflite').read_bytes())
  assert (described['source_step'], described['layout']) == (2, 'sparse_lowered')
  assert set(described['density']) >= {'project', 'block1/conv1', 'to_rgb'}


@pytest.mark.slow
def test_a_saved_model(run, capsys, tmp_path):
  code, out, _ = call(capsys, 'export', f'--workdir={run}', '--format=saved_model', f'--output={tmp_path}/saved')
  assert code == 0 and 'differs from Keras by at most' in out
  assert (tmp_path / 'saved' / 'saved_model.pb').exists()


@pytest.mark.slow
@pytest.mark.parametrize('arguments', [
    ['export', '--precision=int8', '--layout=plain'], ['export', '--layout=sparse_lowered'],
    ['export', '--format=saved_model'], ['export', '--format=onnx'], ['demo', '--runtime={runtime}']], ids=' '.join)
def test_what_carries_a_generator_out_shows_no_line_of_a_converter(run, tmp_path, arguments):
  """In a process of its own, whose environment asks for no level of TensorFlow's lines."""
  if '--format=onnx' in arguments:
    pytest.importorskip('tf2onnx')
  (tmp_path / 'runtime' / '@litertjs' / 'core').mkdir(parents=True)
  name = 'g.onnx' if '--format=onnx' in arguments else 'made'
  words = [word.format(runtime=tmp_path / 'runtime') for word in arguments]
  command = [sys.executable, '-m', 'tf_stugan.cli', *words, f'--workdir={run}', f'--output={tmp_path}/{name}']
  environment = {name: value for name, value in os.environ.items() if name != 'TF_CPP_MIN_LOG_LEVEL'}
  done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
  assert done.stderr == '' and f'{tmp_path}/{name}: ' in done.stdout


@pytest.mark.slow
def test_demo_serves_until_it_is_interrupted(run, tmp_path):
  (tmp_path / '@litertjs' / 'core').mkdir(parents=True)
  command = [sys.executable, '-m', 'tf_stugan.cli', 'demo', f'--workdir={run}', f'--runtime={tmp_path}']
  with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
    address = process.stdout.readline().strip()
    with urllib.request.urlopen(address + 'models/demo.json') as answer:
      assert json.load(answer)['seeds'] == 100
    with urllib.request.urlopen(address) as answer:
      assert b'demo.js' in answer.read()
    process.send_signal(signal.SIGINT)
    process.stdout.read()
  assert process.returncode == 0


@pytest.mark.slow
def test_samples_of_classes_truncated_with_every_kind_of_statistics(cache, capsys, tmp_path, monkeypatch):
  run = f'--workdir={tmp_path}/run'
  bindings = [f'--gin_param={b}' for b in ('NUM_STEPS = 1', 'GENERATOR_WIDTH = 4', 'DISCRIMINATOR_WIDTH = 4',
                                           'DISCRIMINATOR_UPDATES = 1')]
  assert call(capsys, 'train', run, cache, '--gin_file=biggan_cifar10_small_dense.gin', *NOISE, *bindings)[0] == 0
  sheets, texts = {}, {}
  for name, flags in {
      'own': ['--seeds=0-5'], 'classes': ['--seeds=0-2', '--labels=4,7'], 'truncated': ['--seeds=0-5', '--truncation=0.3'],
      'standing': ['--seeds=0-5', '--statistics=standing', '--standing_batches=2'],
      'batch': ['--seeds=0-5', '--statistics=batch'],
      'walk': ['--seeds=0-2', '--labels=4', '--interpolate=3']}.items():
    code, _, err = call(capsys, 'sample', run, *flags, '--scale=1', f'--output={tmp_path}/{name}.png')
    assert code == 0, err
    with Image.open(tmp_path / f'{name}.png') as image:
      texts[name], sheets[name] = image.text, np.asarray(image)
  # Two rows of three: of the seeds, of two classes, of two walks.
  assert {name: sheet.shape for name, sheet in sheets.items()} == {name: (68, 102, 3) for name in sheets}
  np.testing.assert_array_equal(sheets['classes'][:34, :34], sheets['walk'][:34, :34])  # seed 0 as a 4
  assert len({sheet.tobytes() for sheet in sheets.values()}) == len(sheets)
  plain = {'Software': 'tf-stugan sample', 'step': '1', 'weights': 'average', 'seeds': '0-5',
           'statistics': 'running', 'truncation': 'none'}
  assert texts == {
      'own': plain, 'classes': plain | {'seeds': '0-2', 'labels': '4,7'}, 'truncated': plain | {'truncation': '0.3'},
      'standing': plain | {'statistics': 'standing, 2 batches of 64'}, 'batch': plain | {'statistics': 'batch'},
      'walk': plain | {'seeds': '0-2', 'labels': '4', 'interpolate': '3'}}
  monkeypatch.setattr(sample, '_PART', 4)
  sizes = []
  make = outputs.FromNoise.sample
  monkeypatch.setattr(outputs.FromNoise, 'sample',
                      lambda made, seeds, *args, **kwargs: sizes.append(len(seeds)) or make(made, seeds, *args, **kwargs))
  for name, flags in {'classes': ['--seeds=0-2', '--labels=4,7'], 'batch': ['--seeds=0-5', '--statistics=batch']}.items():
    assert call(capsys, 'sample', run, *flags, '--scale=1', f'--output={tmp_path}/again.png')[0] == 0
    with Image.open(tmp_path / 'again.png') as image:
      # Other sizes of a batch may round the last bit another way.
      np.testing.assert_allclose(np.asarray(image, int), sheets[name], atol=1)
  assert sizes == [3, 3, 6]
  code, _, err = call(capsys, 'sample', run, '--labels=10')
  assert code == 2 and 'the classes are 0-9' in err


def test_doctor(capsys, tmp_path):
  code, out, _ = call(capsys, 'doctor', f'--cache_dir={tmp_path}', '--gin_file=quickstart.gin', *NOISE)
  assert code == 0
  assert 'tensorflow-gan                   2.1.0' in out and 'classifier ' in out
  code, out, err = call(capsys, 'doctor', f'--data_dir={tmp_path}', '--gin_file=sngan_cifar10_dense.gin')
  assert code == 2
  assert 'FAILED' in out and 'data' in err


def test_doctor_looks_at_what_a_game_of_two_domains_needs(capsys, tmp_path):
  """The classifier is trained on three classes, not on the one of a domain; test images are there or not."""
  (tmp_path / 'scores.gin').write_text("""
from __gin__ import dynamic_registration
from tf_stugan.data import random_images
from tf_stugan.metrics import features
from tf_stugan.training import evaluation
evaluation.Evaluator.extractor = @features.Classifier()
evaluation.Evaluator.extractor_data = @three/random_images.RandomImages()
three/random_images.RandomImages.num_classes = 3
features.Classifier.steps = 1
features.Classifier.width = 4
""")
  doctor = ('doctor', f'--cache_dir={tmp_path}', '--gin_file=cyclegan_cifar10_small_stugan.gin',
            '--gin_file=runs/tiny_cycle_gan.gin')
  code, out, err = call(capsys, *doctor, f'--gin_file={tmp_path}/scores.gin')
  assert code == 0, out + err
  assert 'CycleGAN, which makes a_to_b and b_to_a' in out and 'random/test: 16 images; random/test: 16 images' in out
  for name in ('trainA', 'trainB'):
    (tmp_path / name).mkdir()
    Image.new('RGB', (24, 24)).save(tmp_path / name / 'a.png')
  code, out, err = call(capsys, *doctor, '--gin_file=datasets/domain_folder.gin', '--gin_param=IMAGE_RESOLUTION = 24',
                        f'--gin_param=IMAGE_FOLDER = {str(tmp_path)!r}')
  assert code == 2 and 'testA is not a folder' in out and 'images to translate' in err


def test_a_refused_run_takes_away_what_it_wrote_and_nothing_else(tmp_path, cache, capsys):
  """The folder was there before, with a file of somebody's."""
  (tmp_path / 'notes.txt').write_text('mine')
  refused = ('train', f'--workdir={tmp_path}', cache, *TINY, '--gin_param=DISCRIMINATOR_BATCH = 64')
  assert call(capsys, *refused)[0] == 3
  assert [p.name for p in tmp_path.iterdir()] == ['notes.txt']


def test_a_run_that_is_refused_to_go_on_keeps_everything(run, cache, capsys):
  before = {p: p.stat().st_mtime_ns for p in run.rglob('*') if p.name != '.lock'}
  code, _, err = call(capsys, 'train', f'--workdir={run}', cache, '--gin_param=SEED = 2', '--allow_config_change')
  assert code == 2 and 'SEED (Trainer.seed)' in err
  assert {p: p.stat().st_mtime_ns for p in run.rglob('*') if p.name != '.lock'} == before


def test_a_stage_that_others_began_from_is_refused_before_anything_is_stored(tmp_path, cache, capsys):
  train_ladder = ('train', f'--workdir={tmp_path}', cache, *TINY, '--gin_file=procedures/imp_g.gin',
                  '--gin_param=ROUNDS = 1')
  code, configuration, err = call(capsys, *train_ladder, '--dry_run')
  assert code == 0, err
  Workdir(tmp_path).write_config(configuration)
  for stage, step in (('dense', 2), ('round-01', 1)):
    (tmp_path / stage / 'checkpoints' / f'step-{step:08}').mkdir(parents=True)
  (tmp_path / '.lock').touch()
  before = contents(tmp_path)
  code, _, err = call(capsys, *train_ladder, '--gin_param=NUM_STEPS = 4', '--allow_config_change')
  assert code == 2 and 'began from what dense was at step 2' in err.splitlines()[-1]
  assert contents(tmp_path) == before


def test_the_cached_classifier_is_checked(run, cache, capsys):
  folder = cache.removeprefix('--cache_dir=')
  import pathlib
  for path in pathlib.Path(folder).glob('classifier-*.npz'):
    path.write_bytes(b'nonsense')
  code, _, err = call(capsys, 'evaluate', f'--workdir={run}', cache)
  assert code == 2 and 'damaged' in err


def test_flops_as_one_json_object(capsys):
  code, out, _ = call(capsys, 'flops', '--gin_file=sngan_cifar10_small_stugan.gin', '--json')
  result = json.loads(out)
  assert code == 0
  assert result['convention'] == 'measured'
  assert {'generator', 'discriminator', 'training_flops', 'training_flops_vs_dense', 'test_flops', 'test_flops_vs_dense',
          'convention'} <= set(result)
  for network in (result['generator'], result['discriminator']):
    assert {'parameters', 'masked_parameters', 'density', 'forward_multiply_adds', 'layers'} <= set(network)
  generator = result['generator']
  assert generator['density'] == pytest.approx(0.1, abs=1e-3)
  layers = generator['layers']
  assert generator['forward_multiply_adds'] == pytest.approx(sum(layer['forward_multiply_adds'] for layer in layers), abs=10)
  assert generator['masked_parameters'] == sum(layer['parameters'] for layer in layers if layer['masked'])
  assert result['test_flops'] == 2 * generator['forward_multiply_adds']
  assert 0 < result['training_flops_vs_dense'] < 1


def test_flops_as_a_table_says_when_layers_are_not_known(capsys):
  _, known, _ = call(capsys, 'flops', '--gin_file=quickstart.gin')
  _, unknown, _ = call(capsys, 'flops', '--gin_file=sngan_cifar10_small_sdst_set.gin')
  assert 'block1/conv1' in known and 'of dense' in known and 'estimate' not in known
  assert 'estimate' in unknown


def test_a_checkpoint_that_training_removes_while_it_is_read_is_replaced_by_the_next(run, monkeypatch):
  folders, tries = [['step-2'], ['step-3']], []
  monkeypatch.setattr(saved_steps, 'list_checkpoints', lambda _: folders[min(len(tries), 1)])
  def restore_chosen(trainer, folder, choice):
    tries.append(choice)
    if len(tries) == 1:
      raise FileNotFoundError('step-2/state.json')
    return 3
  monkeypatch.setattr(checkpoints, 'restore_chosen', restore_chosen)
  assert common.restore_chosen(None, Workdir(run), 'newest') == 3
  assert tries == ['newest'] * 2
  folders[1] = folders[0]  # nobody removed it
  tries.clear()
  with pytest.raises(FileNotFoundError):
    common.restore_chosen(None, Workdir(run), 'newest')


@pytest.mark.slow
def test_profile_writes_a_trace_of_a_run_in_parts_and_half_precision(capsys, tmp_path):
  code, _, err = call(
      capsys, 'train', f'--workdir={tmp_path}', f'--cache_dir={tmp_path}', '--profile', *TINY, '--gin_param=NUM_STEPS = 8',
      "--gin_param=PRECISION = 'bfloat16'", '--gin_param=ACCUMULATION_STEPS = 2')
  assert code == 0 and f'Trace of the training step: {tmp_path / "profile"}' in err
  assert len(list((tmp_path / 'profile').rglob('*.xplane.pb'))) == 1
