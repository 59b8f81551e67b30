"""What a run says of itself before it begins."""

from tests import tiny
from tf_stugan.procedures.banner import banner
from tf_stugan.procedures.procedure import Run


def test_it_names_data_networks_device_and_folder_and_explains_its_figures(tmp_path):
  trainer = tiny.make_trainer(label='stugan')
  folder = tmp_path / ('long' * 15)
  text = banner(Run(None, tiny.DATA, trainer, None), folder, 50_048)
  lines = text.splitlines()
  assert lines[0] == 'stugan to step 50,048'
  words = ' '.join(text.split())
  for name, side in trainer.sides.items():
    total = sum(v.shape.num_elements() for v in side.player.network.trainable_variables)
    zeros = sum(int((~v.mask.numpy()).sum()) for v in side.masked)
    assert f'{name} {total:,} parameters, {total - zeros:,} of them kept' in words
  assert 'density 0.2 in' in words and '16 images of 8 x 8 x 3' in words and 'CPU (' in words and str(folder) in words
  assert 'density share of the weights' in words and 'one update of the generator closes' not in words  # it is not measured
  assert max(len(line) for line in lines if str(folder) not in line) <= 80
