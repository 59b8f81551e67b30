"""What goes wrong on the command line: one line, an exit code, and nothing left behind."""

import pytest

from tests.test_cli import call
from tests.test_cli import NOISE
from tests.test_cli import TINY
from tests.test_pack import make_run


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  files, bindings = ([flag.partition('=')[2] for flag in TINY if flag.startswith(start)]
                     for start in ('--gin_file=', '--gin_param='))
  return make_run(tmp_path_factory.mktemp('run'), *files, 'metrics/none.gin', bindings=bindings)


@pytest.mark.parametrize('arguments, code, message', [
    ([], 2, ''),
    (['train', '--workdir={new}', '--gin_file=nothing.gin'], 2, 'tf-stugan list experiments'),
    (['train', '--workdir={new}/below', '--gin_file=quickstat.gin'], 2, 'Did you mean quickstart.gin?'),
    (['train', '--workdir={new}', '--gin_file=quickstart.gin', '--gin_param=GENERATOR_DENSTY = 0.1'], 2,
     'has no GENERATOR_DENSTY'),
    (['train', '--workdir={new}', '--gin_file=quickstart.gin', '--gin_param=Trainr.seed = 1'], 2, "'Trainr'"),
    (['train', '--workdir={new}', '--gin_file=quickstart.gin', '--gin_param=Trainer.sed = 1'], 2, "'sed'"),
    (['train', '--workdir={new}', '--gin_file=quickstart.gin', '--gin_param=GENERATOR_DENSITY = 0'], 2, '(0, 1]'),
    (['train', '--workdir={new}', '--gin_file=quickstart.gin', '--gin_param=GENERATOR_DENSITY = 1.5'], 2, '(0, 1]'),
    (['train', '--workdir={new}', '--gin_file=quickstart.gin', '--gin_param=GENERATOR_DENSITY ='], 2, 'GENERATOR_DENSITY'),
    (['train', '--workdir={new}', '--gin_file=quickstart.gin', '--gin_param=NUM_STEPS = %gin.REQUIRED'], 2, 'NUM_STEPS'),
    (['train', '--workdir={new}', '--gin_file=runs/train.gin'], 2, 'NUM_STEPS'),
    (['train', '--workdir={new}', '--gin_file=metrics/all.gin'], 2, 'no experiment in these files: the first'),
    (['flops', '--gin_file=quickstart.gin', '--gin_param=METHOD = mine'], 2, "'mine' is no value: text stands in quotes"),
    (['flops', '--gin_file=sngan_cifar10_dense.gin', '--gin_file=ablations/n_of_m.gin'], 2, 'n_of_m.gin changes nothing'),
    (['flops', '--gin_file=sngan_cifar10_dense.gin', '--gin_file=ablations/strong.gin'], 2, 'DISCRIMINATOR_DENSITY'),
    (['flops', '--gin_file=sngan_cifar10_dense.gin', '--gin_file=ablations/explore_both.gin'], 2, 'nothing in this'),
    (['flops', '--gin_file=sngan_cifar10_static.gin', '--gin_file=ablations/explore_both.gin'], 2, "needs 'schedule'"),
    (['flops', '--gin_file=sngan_cifar10_adapt_strict.gin', '--gin_file=ablations/n_of_m.gin'], 2, 'across_layers = False'),
    (['train', '--workdir={new}/below', *TINY, '--gin_param=DISCRIMINATOR_BATCH = 64'], 3, 'fewer than one batch'),
    (['train', '--workdir={new}', *TINY, '--gin_param=Experiment.trainer = None'], 2, 'Experiment.trainer is a function'),
    (['train', '--workdir={new}', *TINY, '--gin_param=Trainer.layers = 5'], 2, 'Trainer.layers is a function'),
    (['train', '--workdir={new}', *TINY, '--gin_param=Experiment.data = 3'], 2, 'Experiment.data is a dictionary'),
    (['train', '--workdir={new}', *TINY, '--gin_param=Evaluator.metrics = [5]'], 2, 'Evaluator.metrics is a list'),
    (['train', '--workdir={new}', *TINY, '--gin_param=METHOD = 5'], 2, 'Trainer.label is a text; got 5 from %METHOD'),
    (['train', '--workdir={new}', *TINY, '--gin_param=UPDATE_INTERVAL = 50'], 2, 'would change no mask'),
    (['train', '--workdir={new}', *TINY, '--gin_param=ACCUMULATION_STEPS = 3'], 2, 'cannot be cut into 3'),
    (['train', '--dry_run', '--workdir={new}', *TINY, '--gin_param=DISCRIMINATOR_BATCH = 64'], 3, 'fewer than one batch'),
    (['train', '--dry_run', '--workdir={new}', *TINY, '--gin_param=UPDATE_INTERVAL = 3'], 2, 'would change no mask'),
    (['train', '--dry_run', '--workdir={new}', *TINY, '--gin_param=RandomImages.num_classes = 1'], 2, 'no labels'),
    (['train', '--dry_run', '--workdir={new}', *TINY, '--gin_file=metrics/inception.gin',
      "--gin_param=INCEPTION_LOCATION = '/no/such'"], 2, '/no/such'),
    (['train', '--dry_run', '--workdir={new}', '--gin_file=biggan_cifar10_small_dense.gin', *NOISE,
      '--gin_param=RandomImages.num_classes = 3'], 3, 'the networks know 10'),
    (['train', '--dry_run', '--workdir={file}', *TINY], 2, 'no folder that may be written to'),
    (['train', '--workdir={new}', *TINY, "--gin_param=PRECISION = 'half'"], 2, "got 'half'"),
    (['train', '--workdir={new}', *TINY, '--strategy=mirrored', '--gin_param=JIT_COMPILE = True'], 2, 'for one device'),
    (['train', '--workdir={new}', *TINY, '--gin_param=GENERATOR_DENSITY = 0.0001'], 2, 'without a weight'),
    (['train', '--workdir={new}', '--gin_file=sngan_cifar10_small_dense.gin', '--data_dir={new}'], 3, 'tfds build cifar10'),
    (['train', '--workdir={new}', '--gin_file=sngan_cifar10_small_dense.gin', '--gin_file=procedures/channel_ticket.gin',
      *NOISE, "--gin_param=DENSE = '{empty}'"], 2, 'holds no checkpoint of a dense run'),
    (['train', '--workdir={new}', '--gin_file=sngan_cifar10_small_dense.gin', '--gin_file=procedures/channel_ticket.gin',
      '--gin_file=procedures/parts/vgg_distance.gin', *NOISE, "--gin_param=VGG_LOCATION = '/no/such'"], 2, 'VGG-16'),
    (['export', '--workdir={empty}'], 2, 'no config.gin'),
    (['sample', '--workdir={run}', '--seeds=0-99999999999'], 2, 'at most 100,000'),
    (['sample', '--workdir={run}', '--seeds=99999999999999999999'], 2, '2^63'),
    (['sample', '--workdir={run}', '--seeds=-5'], 2, '--seeds=-5'),
    (['sample', '--workdir={run}', '--seeds=1', '--interpolate=3'], 2, 'at least two'),
    (['sample', '--workdir={run}', '--labels=0-9'], 2, 'knows no classes'),
    (['sample', '--workdir={run}', '--labels=x'], 2, '--labels=x'),
    (['sample', '--workdir={run}', '--seeds=0-9999', '--labels=0-99'], 2, '1,000,000 images; make at most 100,000'),
    (['sample', '--workdir={run}', '--seeds=0-3', '--interpolate=50000'], 2, '150,000 images; make at most 100,000'),
    (['sample', '--workdir={run}', '--standing_batches=16'], 2, '--standing_batches is for --statistics=standing'),
    (['sample', '--workdir={run}', '--interpolate=3', '--statistics=batch'], 2, 'neighbours'),
    (['sample', '--workdir={run}', '--statistics=median'], 2, 'running'),
    (['sample', '--workdir={run}', '--truncation=0'], 2, 'truncation'),
    (['sample', '--workdir={run}', '--output=/no/such/folder/x.png'], 2, 'cannot be written'),
    (['export', '--workdir={run}', '--layout=sparse_lowered', '--precision=int8'], 2, 'floats only'),
    (['export', '--workdir={run}', '--format=saved_model', '--layout=auto'], 2, 'plain float32'),
    (['export', '--workdir={run}', '--format=onnx', '--precision=int8'], 2, 'plain float32'),
    (['export', '--workdir={run}', '--format=onnx', '--output={new}'], 2, 'ends in .onnx'),
    (['sample', '--workdir={run}', '--output={new}.jpg'], 2, '.png'),
    (['export', '--workdir={run}', '--output=/no/such/folder/x.tflite'], 2, 'cannot be written'),
    (['demo', '--workdir={run}', '--runtime={new}'], 2, 'npm install'),
])
def test_what_goes_wrong_is_told_in_one_line(arguments, code, message, run, tmp_path, capsys):
  (tmp_path / 'empty').mkdir()
  (tmp_path / 'file').touch()
  places = {'new': tmp_path / 'new', 'file': tmp_path / 'file', 'empty': tmp_path / 'empty', 'run': run}
  result, out, err = call(capsys, *(a.format(**places) for a in arguments))
  assert result == code
  assert message in (err if arguments else out)
  assert 'Traceback' not in err and not (tmp_path / 'new').exists()
  assert not arguments or len([line for line in err.splitlines() if line.startswith('tf-stugan')]) == 1
