"""What scores are called; the features that they are made of decide, see `features.FeatureExtractor`."""

DISTANCES = ('fid', 'fcd', 'rfd')  # Frechet distances; a run has one of them, which says which checkpoint is best
SCORES = (*DISTANCES, 'is', 'cs', 'kid', 'kcd', 'rkd')
