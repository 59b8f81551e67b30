"""`tf-stugan sample` beyond grids: walks as GIFs, and images one by one."""

import sys

from absl import flags
import numpy as np
from PIL import Image
from PIL import ImageSequence
import pytest

from tests.test_cli import call
from tests.test_output_files import contents
from tests.test_pack import make_run
from tf_stugan.commands import animation
from tf_stugan.commands import common
from tf_stugan.usage import sample as usage


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A conditional generator."""
  return make_run(tmp_path_factory.mktemp('run'), 'biggan_cifar10_small_stugan.gin', 'runs/tiny.gin', 'runs/noise.gin',
                  'metrics/none.gin')


@pytest.fixture(scope='module')
def restored(run):
  values = flags.FlagValues()
  usage.define_flags(values)
  values(['sample', f'--workdir={run}'])
  return common.restore_trainer(values)


@pytest.fixture(autouse=True)
def restored_once(restored, monkeypatch):
  """Every call would read the same checkpoint again."""
  monkeypatch.setattr(common, 'restore_trainer', lambda values: restored)


def draw(capsys, run, output, *asked):
  code, out, err = call(capsys, 'sample', f'--workdir={run}', '--scale=1', f'--output={output}', *asked)
  assert code == 0, err
  return out


def cells(sheet, columns):
  """[rows, columns, 32, 32, 3] of a sheet with margins of one pixel."""
  return np.asarray(sheet.convert('RGB')).reshape(-1, 34, columns, 34, 3).swapaxes(1, 2)[:, :, 1:-1, 1:-1]


def test_a_walk_goes_on_in_time_and_its_classes_stand_side_by_side(run, capsys, tmp_path):
  asked = ['--seeds=1,5,2', '--interpolate=4', '--labels=3,8']
  draw(capsys, run, tmp_path / 'walk.png', *asked)
  draw(capsys, run, tmp_path / 'walk.gif', *asked, '--fps=20')
  with Image.open(tmp_path / 'walk.png') as sheet, Image.open(tmp_path / 'walk.gif') as gif:
    expected = cells(sheet, 4).reshape(2, 8, 32, 32, 3)[:, [0, 1, 2, 3, 5, 6, 7]]  # seed 5 is not shown twice
    assert gif.n_frames == 7 and gif.info['duration'] == 50 and gif.info['loop'] == 0
    assert b'tf-stugan sample' in gif.info['comment'] and b'labels: 3,8' in gif.info['comment']
    frames = np.stack([cells(frame, 2)[0] for frame in ImageSequence.Iterator(gif)], axis=1)
  assert frames.shape == expected.shape
  error = abs(frames.astype(float) - expected).mean(axis=(2, 3, 4))  # 256 colours a frame
  assert error.max() < 12
  wrong = abs(frames[:, ::-1].astype(float) - expected).mean()
  assert wrong > 2 * error.mean()


# imageio-ffmpeg leaves pipes to the garbage collector.
@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_video_shows_what_the_gif_shows(run, capsys, tmp_path):
  video = pytest.importorskip('imageio_ffmpeg')
  asked = ['--seeds=1,5', '--interpolate=4', '--labels=3,8', '--fps=20']
  draw(capsys, run, tmp_path / 'walk.png', *asked[:-1])
  draw(capsys, run, tmp_path / 'walk.mp4', *asked)
  draw(capsys, run, tmp_path / 'walk.mp4', *asked)  # known as its own by the comment in it
  told, *frames = video.read_frames(str(tmp_path / 'walk.mp4'))
  assert told['fps'] == 20 and told['size'] == (68, 34)
  shown = np.stack([np.frombuffer(frame, np.uint8).reshape(34, 68, 3) for frame in frames])
  with Image.open(tmp_path / 'walk.png') as sheet:
    expected = np.asarray(sheet).reshape(2, 34, 4, 34, 3).transpose(2, 1, 0, 3, 4).reshape(shown.shape)
  grey = [0.299, 0.587, 0.114]  # colours have half of the resolution
  error, wrong = (abs((frames_ - expected.astype(float)) @ grey).mean() for frames_ in (shown, shown[::-1]))
  assert error < 12 and wrong > 2 * error


@pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning')
def test_a_video_of_odd_sides_is_whole(tmp_path):
  video = pytest.importorskip('imageio_ffmpeg')
  frames = [np.full([17, 33, 1], value, np.uint8) for value in (0, 120, 240)]
  animation.write(frames, tmp_path / 'grey.mp4', 5, {'step': 1, 'labels': None})
  told, *shown = video.read_frames(str(tmp_path / 'grey.mp4'))
  assert told['size'] == (34, 18)
  for frame, value in zip(shown, (0, 120, 240), strict=True):
    pixels = np.frombuffer(frame, np.uint8).reshape(18, 34, 3).astype(int)
    assert abs(pixels[:16, :32] - value).max() < 8 and (pixels[17] < 40).all()


def test_a_video_without_its_library_is_one_line(run, capsys, tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
  code, out, err = call(capsys, 'sample', f'--workdir={run}', f'--output={tmp_path}/walk.mp4', '--seeds=0-3')
  assert code == 2 and "pip install 'tf_stugan[video]'" in err and err.count('\n') == 1 and not out


def test_seeds_follow_one_another_in_a_gif(run, capsys, tmp_path):
  draw(capsys, run, tmp_path / 'seeds.gif', '--seeds=0-4')
  with Image.open(tmp_path / 'seeds.gif') as gif:
    assert (gif.n_frames, gif.size) == (5, (34, 34))


def test_images_one_by_one_are_those_of_the_grid(run, capsys, tmp_path):
  draw(capsys, run, tmp_path / 'grid.png', '--seeds=4,7', '--labels=0,9')
  assert '4 images' in draw(capsys, run, tmp_path / 'made', '--seeds=4,7', '--labels=0,9', '--separate')
  with Image.open(tmp_path / 'grid.png') as grid:
    expected = dict(zip(('class-0-seed-4', 'class-0-seed-7', 'class-9-seed-4', 'class-9-seed-7'),
                        cells(grid, 2).reshape(4, 32, 32, 3), strict=True))
  for name, image in expected.items():
    with Image.open(tmp_path / 'made' / f'{name}.png') as file:
      np.testing.assert_array_equal(np.asarray(file), image)
      assert file.text['seeds'] == '4,7'
  draw(capsys, run, tmp_path / 'made', '--seeds=1-2', '--separate')  # beside them
  draw(capsys, run, tmp_path / 'made', '--seeds=1,2', '--interpolate=3', '--separate')
  assert set(contents(tmp_path / 'made')) == {
      *(f'{name}.png' for name in expected), 'seed-1.png', 'seed-2.png', 'tf_stugan.json',
      *(f'walk-1-2-{i:04}.png' for i in range(3))}


def test_images_of_somebody_else_are_refused_before_any_is_made(run, capsys, tmp_path, monkeypatch):
  monkeypatch.setattr(common, 'restore_trainer', lambda values: pytest.fail('Nothing is to be computed.'))
  (tmp_path / 'class-9-seed-2.png').write_text('not yours')
  code, out, err = call(capsys, 'sample', f'--workdir={run}', f'--output={tmp_path}', '--separate', '--seeds=1-3',
                        '--labels=0,9')
  assert code == 2 and 'class-9-seed-2.png is there, and is not what this command wrote' in err and not out
  assert set(contents(tmp_path)) == {'class-9-seed-2.png'}


@pytest.mark.parametrize('asked, message', [
    (['--separate'], 'needs a folder'),
    (['--separate', '--output={0}/x.png'], 'needs a folder'),
    (['--fps=5', '--output={0}/x.png'], '--fps is for a GIF'),
    (['--output={0}/theirs.gif'], 'not what this command wrote'),
    (['--output={0}/x.avi'], '.png, .gif or .mp4'),
])
def test_bad_outputs_are_one_line(asked, message, run, capsys, tmp_path):
  (tmp_path / 'theirs.gif').write_text('not yours')
  code, out, err = call(capsys, 'sample', f'--workdir={run}', *(flag.format(tmp_path) for flag in asked))
  assert code == 2 and message in err and len(err.splitlines()) == 1 and not out
  assert set(contents(tmp_path)) == {'theirs.gif'}
