"""The reader of Tiny ImageNet, on an imitation in the layout of the official archive."""

import numpy as np
from PIL import Image
import pytest

from tf_stugan import errors
from tf_stugan.data import tiny_imagenet

WNIDS = ('n02124075', 'n04067472', 'n01443537')  # not sorted, as in the original


def jpeg(path, level, mode='RGB'):
  path.parent.mkdir(parents=True, exist_ok=True)
  Image.new('L', (64, 64), level).convert(mode).save(path, quality=95)


@pytest.fixture
def root(tmp_path):
  root = tmp_path / 'tiny-imagenet-200'
  for label, wnid in enumerate(WNIDS):
    for i in range(3):
      jpeg(root / 'train' / wnid / 'images' / f'{wnid}_{i}.JPEG', 60 * label + i, 'L' if i == 1 else 'RGB')
    (root / 'train' / wnid / f'{wnid}_boxes.txt').write_text(f'{wnid}_0.JPEG\t0\t0\t63\t63\n')
  lines = []
  for i, label in enumerate((2, 0, 1, 2)):
    jpeg(root / 'val' / 'images' / f'val_{i}.JPEG', 60 * label)
    lines.append(f'val_{i}.JPEG\t{WNIDS[label]}\t0\t32\t44\t62\n')
  (root / 'val' / 'val_annotations.txt').write_text(''.join(lines))
  jpeg(root / 'test' / 'images' / 'test_0.JPEG', 250)
  (root / 'wnids.txt').write_text('\n'.join(WNIDS) + '\n')
  (root / 'words.txt').write_text('n02124075\tEgyptian cat\n')
  return root


def test_training_images(root):
  data = tiny_imagenet.TinyImageNet().load(str(root.parent))
  assert (data.name, data.images.shape, data.num_classes) == ('tiny_imagenet/train', (9, 64, 64, 3), 3)
  assert data.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]  # the order of wnids.txt
  levels = data.images.astype(int).mean((1, 2, 3))
  np.testing.assert_allclose(levels, [60 * label + i for label in range(3) for i in range(3)], atol=2)


def test_asked_for_the_size_it_has_the_set_keeps_its_name(root):
  assert tiny_imagenet.TinyImageNet(resolution=64).load(str(root.parent)).name == 'tiny_imagenet/train'


def test_validation_images_have_the_labels_of_their_table(root):
  data = tiny_imagenet.TinyImageNet('val', resolution=32).load(str(root.parent))
  assert data.images.shape == (4, 32, 32, 3)
  assert data.labels.tolist() == [2, 0, 1, 2]
  np.testing.assert_allclose(data.images.astype(int).mean((1, 2, 3)), [120, 0, 60, 120], atol=2)


def test_what_is_missing_is_told(root):
  with pytest.raises(errors.UserError, match="'train' or 'val'"):
    tiny_imagenet.TinyImageNet('test')
  with pytest.raises(errors.DataError, match='wnids.txt.*tiny-imagenet-200.zip'):
    tiny_imagenet.TinyImageNet().load(str(root))
  (root / 'val' / 'val_annotations.txt').write_text('val_0.JPEG\tn00000000\n')
  with pytest.raises(errors.DataError, match='line 1'):
    tiny_imagenet.TinyImageNet('val').load(str(root.parent))
  (root / 'val' / 'val_annotations.txt').write_text(f'../../../x.JPEG\t{WNIDS[0]}\n')
  with pytest.raises(errors.DataError, match='line 1'):
    tiny_imagenet.TinyImageNet('val').load(str(root.parent))
  (root / 'wnids.txt').write_text('n09999999\n')
  with pytest.raises(errors.DataError, match='n09999999'):
    tiny_imagenet.TinyImageNet().load(str(root.parent))
