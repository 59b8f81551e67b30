"""A study becomes a plan: settings reach what they are for, equal rows are one, mistakes are told before the first run."""

import json
import re

import numpy as np
from PIL import Image
import pytest

from tf_stugan import configuration
from tf_stugan import errors
from tf_stugan import gin_files
from tf_stugan.studies import check
from tf_stugan.studies import plan as plans

FILES = ('quickstart.gin', 'runs/tiny.gin', 'runs/noise.gin')


def plan(*files, axis=(), **request):
  return check.plan({'gin_file': files or FILES, 'gin_param': [], 'axis': [list(pair) for pair in axis], 'seeds': [1],
                     'gin_module': [], 'data_dir': None, 'cache_dir': None, **request})


def trainer_of(run, made, tmp_path):
  for name, text in made.generated.items():
    plans.generated_file(tmp_path, name).parent.mkdir(exist_ok=True)
    plans.generated_file(tmp_path, name).write_text(text)
  flags = run.flags(tmp_path)
  files, bindings = ([f.split('=', 1)[1] for f in flags if f.startswith(f'--gin_{kind}=')] for kind in ('file', 'param'))
  configuration.load([configuration.find(f) for f in files], bindings)
  return configuration.make_experiment().make_trainer()


def test_a_grid_of_methods_and_densities_has_one_dense_row(tmp_path):
  made = plan(axis=[('method', ['dense', 'static', 'stugan']), ('GENERATOR_DENSITY', [0.2, 0.4])], seeds=[3, 5])
  assert [run.name for run in made.runs] == [f'{row}_s{seed}' for seed in (3, 5) for row in (
      'dense', 'static_0.2', 'static_0.4', 'stugan_0.2', 'stugan_0.4')]
  assert [run.method for run in made.runs[:4]] == ['dense', 'static', 'static', 'STU-GAN']
  trainer = trainer_of(made.runs[7], made, tmp_path)  # static_0.4_s5
  assert trainer.label == 'static' and trainer.methods['generator'].density == 0.4
  dense, sparse = made.runs[0], made.runs[1]
  assert dense.training == dense.dense_training > sparse.training > 0 and dense.num_steps == 8
  assert plans.from_json(json.loads(json.dumps(plans.to_json(made)))) == made


def test_a_method_in_the_place_of_another_is_the_experiment_of_that_method():
  """Whose file this library has: with the intervals of runs/small.gin, which come after the method's own."""
  made = plan('sngan_cifar10_small_dense.gin', 'runs/noise.gin', axis=[('method', ['stugan'])],
              gin_param=['RandomImages.num_images = 64'])
  text, = made.generated.values()
  own = gin_files.find('sngan_cifar10_small_stugan.gin').read_text()
  assert re.findall('^include .*', text, re.MULTILINE) == re.findall('^include .*', own, re.MULTILINE)


def test_ablations_are_left_out_where_they_do_nothing():
  made = plan(axis=[('method', ['static', 'stugan']), ('ablation', ['none', 'grow_by_momentum'])])
  assert [run.name for run in made.runs] == ['static_s1', 'stugan_s1', 'stugan_grow_by_momentum_s1']


@pytest.mark.parametrize('axis, message', [
    (('GENERATOR_DENSTY', [0.1]), 'The axis GENERATOR_DENSTY names nothing.* Did you mean GENERATOR_DENSITY?'),
    (('PRUNE_STEP', [2, 4]), 'The axis PRUNE_STEP names nothing'),
    (('GENERATOR_DENSITY', [0.1, 7]), r'Row 7: .*A density is .*7'),
    (('DynamicSparse.densty', [0.1]), 'Row 0.1: .*densty.* Did you mean density?'),
    (('method', ['static', 'sugan']), 'method=sugan: there is none.* Did you mean stugan?'),
    (('DISCRIMINATOR_BATCH', [4, 4000]), 'Row 4000: .*fewer than one batch'),
    (('UPDATE_INTERVAL', [2, 900]), 'Row 900: .*would change no mask'),
])
def test_mistakes_are_told_before_anything_runs(axis, message):
  with pytest.raises(errors.UserError, match=message):
    plan(axis=[axis])


def test_files_in_an_order_in_which_they_do_nothing_are_refused():
  with pytest.raises(errors.UserError, match='quickstart.gin is a whole experiment.*tiny.gin, noise.gin'):
    plan('runs/tiny.gin', 'runs/noise.gin', 'quickstart.gin')


def test_what_files_leave_to_be_set_may_be_set_by_a_binding_or_an_axis(tmp_path):
  for i in range(8):
    Image.fromarray(np.full([40, 50, 3], 20 * i, np.uint8)).save(tmp_path / f'{i}.png')
  files = ('quickstart.gin', 'runs/tiny.gin', 'datasets/image_folder.gin')
  given = {'gin_param': [f'IMAGE_FOLDER = {str(tmp_path)!r}', 'IMAGE_RESOLUTION = 32']}
  assert [run.row for run in plan(*files, axis=[('method', ['dense', 'static'])], **given).runs] == ['dense', 'static']
  axes = [('IMAGE_FOLDER', [str(tmp_path)]), ('GENERATOR_DENSITY', [0.1, 0.2])]
  assert len(plan(*files, axis=axes, gin_param=['IMAGE_RESOLUTION = 32']).runs) == 2
  with pytest.raises(errors.UserError, match='IMAGE_FOLDER has to be set, and nothing sets it'):
    plan(*files)


def test_what_scores_are_computed_by_is_made_once_and_found_by_the_runs(tmp_path, caplog):
  with caplog.at_level('INFO'):
    made = plan(axis=[('GENERATOR_DENSITY', [0.2, 0.4])], cache_dir=str(tmp_path / 'cache'))
  assert len(made.runs) == 2 and caplog.text.count('Training the feature classifier') == 1
  trainer_of(made.runs[1], made, tmp_path)
  experiment = configuration.make_experiment()
  experiment.evaluator.prepare_extractor(experiment.load_data(None), tmp_path / 'cache')
  assert caplog.text.count('Training the feature classifier') == 1


def test_what_scores_need_is_missed_before_anything_runs(tmp_path):
  with pytest.raises(errors.UserError, match='Row 0.2: .*/no/such'):
    plan(*FILES, 'metrics/inception.gin', axis=[('GENERATOR_DENSITY', [0.2])], cache_dir=str(tmp_path),
         gin_param=["INCEPTION_LOCATION = '/no/such'"])


def steps_of(run):
  return {name: tuple(steps) for name, steps in run.stages.items()}


def test_what_runs_of_several_stages_cost_is_told_of_all_of_them():
  made = plan('sngan_cifar10_small_dense.gin', 'runs/tiny.gin', 'runs/noise.gin', axis=[('gin_file', [
      'none', 'procedures/imp_g.gin', 'procedures/channel_ticket.gin', 'methods/prune_and_finetune.gin'])],
      gin_param=['ROUNDS = 2', 'SEARCH_STEPS = 4', 'PRUNE_STEP = 4'])
  dense, ladder, channels, pruned = made.runs
  assert steps_of(dense) == {'': (0, 8)} and steps_of(ladder) == {'dense': (0, 8), 'round-01': (0, 8), 'round-02': (0, 8)}
  assert (ladder.num_steps, ladder.computed, ladder.disk) == (24, pytest.approx(3 * dense.computed), 3 * dense.disk)
  assert ladder.dense_training == dense.training and 2 * dense.training < ladder.training < ladder.computed
  rewound, = plan('sngan_cifar10_small_dense.gin', 'runs/tiny.gin', 'runs/noise.gin', 'procedures/late_rewinding.gin',
                  gin_param=['ROUNDS = 2', 'REWIND = 0.25']).runs
  assert steps_of(rewound) == {'dense': (0, 8), 'round-01': (2, 8), 'round-02': (2, 8)}
  assert (rewound.num_steps, rewound.computed) == (8 + 6 + 6, pytest.approx(2.5 * dense.computed))
  assert rewound.training - dense.training == pytest.approx(0.75 * (ladder.training - dense.training))
  assert steps_of(channels) == {'dense': (0, 8), 'search': (0, 4), 'extracted': (0, 8)}
  assert dense.exact and not channels.exact
  assert (channels.num_steps, channels.disk) == (20, 3 * dense.disk)
  assert 2.5 * dense.computed < channels.computed < 2.6 * dense.computed  # with the distance from the dense images
  assert steps_of(pruned) == {'dense': (0, 4), '': (0, 8)}  # of which the last one counts the first
  assert (pruned.num_steps, pruned.computed, pruned.disk) == (8, dense.computed, 2 * dense.disk)


def test_a_study_file_takes_what_flags_add(tmp_path):
  file = tmp_path / 'mine.gin'
  file.write_text("""from __gin__ import dynamic_registration
from tf_stugan.studies import study

study.Study.files = ['quickstart.gin']
study.Study.common = {'NUM_STEPS': 100}
study.Study.rows = {'narrow': {'GENERATOR_WIDTH': 4}, 'wide': {'GENERATOR_WIDTH': 16}}
study.Study.figures = [['score', 'GENERATOR_WIDTH']]
""")
  made = plan(str(file), 'runs/noise.gin', gin_param=['NUM_STEPS = 200'], seeds=None)
  assert [(run.name, run.num_steps) for run in made.runs] == [('narrow_s1', 200), ('wide_s1', 200)]
  assert made.figures == [['score', 'GENERATOR_WIDTH']]
  assert made.runs[0].computed == made.runs[0].dense_training > made.runs[0].training  # masks save no time
  file.write_text(file.read_text().replace("'wide': {'GENERATOR_WIDTH': 16}", "'wide': {'GENERATOR_WIDTH': 4}"))
  with pytest.raises(errors.UserError, match='narrow and wide are the same'):
    plan(str(file), 'runs/noise.gin')


def test_what_all_rows_set_is_left_out_of_those_for_which_it_does_nothing(tmp_path):
  file = tmp_path / 'mine.gin'
  file.write_text("""from __gin__ import dynamic_registration
from tf_stugan.studies import study

study.Study.files = ['quickstart.gin']
study.Study.rows = {'dense': {'method': 'dense'}, 'explored': {'method': 'stugan'}}
study.Study.common = {'UPDATE_INTERVAL': 4, 'BALANCE_WINDOW': 3}
study.Study.seeds = [1, 2]
study.Study.by_row = True
study.Study.comparisons = {'it pays': [('explored', 'dense')]}
""")
  made = plan(str(file), 'runs/tiny.gin', 'runs/noise.gin', seeds=None)
  assert [run.name for run in made.runs] == ['dense_s1', 'dense_s2', 'explored_s1', 'explored_s2']
  assert ['UPDATE_INTERVAL = 4' in run.bindings for run in made.runs[1:3]] == [False, True]
  assert made.comparisons == {'it pays': [['explored', 'dense']]} and plans.from_json(plans.to_json(made)) == made
  assert trainer_of(made.runs[2], made, tmp_path).methods['generator'].schedule.update_interval == 4
  with pytest.raises(errors.UserError, match='The setting PRUNE_STEP names nothing'):
    plan(str(file), 'runs/tiny.gin', 'runs/noise.gin', seeds=None, gin_param=['PRUNE_STEP = 4'])


def test_a_study_file_reaches_no_further_than_any_configuration(tmp_path):
  file = tmp_path / 'mine.gin'
  file.write_text("from __gin__ import dynamic_registration\nimport os\nfrom tf_stugan.studies import study\n\n"
                  "study.Study.files = ['quickstart.gin']\n")
  with pytest.raises(errors.UserError, match='imports os'):
    plan(str(file))


@pytest.mark.slow
@pytest.mark.parametrize('name, count', [('methods_small', 26), ('exploration_small', 22)])
def test_the_studies_behind_the_results(name, count):
  made = plan(f'studies/{name}.gin', 'runs/noise.gin', seeds=None)
  assert len(made.runs) == count
  assert {run.num_steps for run in made.runs} == {5000 if 'methods' in name else 15_000}
  assert {'stugan', 'static_balanced'} <= {run.row for run in made.runs} or {'dense', 'static_0.05'} <= {
      run.row for run in made.runs}
