// What a generator is fed with: latents of seeds as the library draws them, and what lies between them.

/** Spherical interpolation: latents on the way keep the length that normal ones have. */
export function slerp(first, last, fraction) {
  const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
  const cosine = dot(first, last) / Math.sqrt(dot(first, first) * dot(last, last));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (fraction === 0 || angle < 1e-6) return first.slice();
  if (fraction === 1) return last.slice();
  const [a, b] = [Math.sin((1 - fraction) * angle) / Math.sin(angle), Math.sin(fraction * angle) / Math.sin(angle)];
  return first.map((value, i) => a * value + b * last[i]);
}

/** The latents and classes of a page's seeds; seeds beyond the last begin again. */
export class Latents {
  constructor(about, values) {
    Object.assign(this, {about, values}); // values: [truncation, seed, number] in one array
  }

  /** Of a seed, at one of the truncations. */
  exact(truncation, seed) {
    const {latent_size: size, seeds} = this.about;
    const start = (truncation * seeds + seed % seeds) * size;
    return this.values.slice(start, start + size);
  }

  /** Of a seed, at a truncation that may lie between two. */
  at(truncation, seed) {
    const below = Math.floor(truncation);
    if (below === truncation) return this.exact(below, seed);
    return slerp(this.exact(below, seed), this.exact(below + 1, seed), truncation - below);
  }

  between(truncation, first, last, fraction) {
    return slerp(this.at(truncation, first), this.at(truncation, last), fraction);
  }

  /** The class that a seed draws. */
  label(seed) {
    return this.about.labels[seed % this.about.seeds];
  }
}
