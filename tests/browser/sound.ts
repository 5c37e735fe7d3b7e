/** What is found out about sound once it is numbers. */

/** Samples of one channel, -1 to 1. */
export type Samples = Float32Array;

/** The amplitude of one frequency, by Goertzel's algorithm: 1 for a full-scale sine. */
export function amplitudeOf(hertz: number, samples: Samples, rate: number): number {
  const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / rate);
  let [s1, s2] = [0, 0];
  for (const sample of samples) [s1, s2] = [sample + coefficient * s1 - s2, s1];
  const power = s1 * s1 + s2 * s2 - coefficient * s1 * s2;
  return (2 * Math.sqrt(Math.max(power, 0))) / samples.length;
}

export function rms(samples: Samples): number {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / Math.max(samples.length, 1));
}

/** Mu-law to samples (ITU-T G.711). */
export function fromMuLaw(bytes: Uint8Array): Samples {
  return Float32Array.from(bytes, (byte) => {
    const inverted = ~byte & 0xff;
    const magnitude = (((inverted & 0x0f) << 3) + 0x84) << ((inverted >> 4) & 7);
    return ((inverted & 0x80 ? -1 : 1) * (magnitude - 0x84)) / 32768;
  });
}

/** 48 kHz to 8 kHz: a windowed-sinc low-pass at 3.6 kHz, then every sixth sample. */
export function to8k(samples: Samples): Samples {
  const half = 72;
  const kernel = Float64Array.from({ length: 2 * half + 1 }, (_, i) => {
    const t = i - half;
    const cut = (2 * 3600) / 48000;
    const sinc = t === 0 ? cut : Math.sin(Math.PI * cut * t) / (Math.PI * t);
    return sinc * (0.54 + 0.46 * Math.cos((Math.PI * t) / half));
  });
  const out = new Float32Array(Math.max(0, Math.floor((samples.length - kernel.length) / 6)));
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let k = 0; k < kernel.length; k++) sum += samples[i * 6 + k]! * kernel[k]!;
    out[i] = sum;
  }
  return out;
}

/** The best normalised correlation of `piece` with any place of `whole` from `from` to `to`, and that place. */
export function bestMatch(piece: Samples, whole: Samples, from: number, to: number): { score: number; at: number } {
  const norm = rms(piece) * piece.length;
  let best = { score: -1, at: from };
  const last = Math.min(to, whole.length - piece.length);
  from = Math.max(0, from);
  // The energy of the window runs along, so that each place costs one dot product.
  let energy = 0;
  for (let k = 0; k < piece.length; k++) energy += (whole[from + k] ?? 0) ** 2;
  for (let at = from; at <= last; at++) {
    let dot = 0;
    for (let k = 0; k < piece.length; k++) dot += piece[k]! * whole[at + k]!;
    const score = dot / (Math.sqrt(energy * piece.length) * (norm / piece.length) + 1e-9);
    if (score > best.score) best = { score, at };
    energy += (whole[at + piece.length] ?? 0) ** 2 - (whole[at] ?? 0) ** 2;
  }
  return best;
}

/**
 * The same, along the player's own clock: a jitter buffer stretches and shortens what it plays by some milliseconds
 * to follow the network, and one fixed place would then fit only a part of `piece`. Each tenth of a second at 8 kHz
 * may lie up to 20 ms from where the one before it ended; the score is their mean, weighed by how loud they are.
 */
export function followedMatch(piece: Samples, whole: Samples, from: number, to: number): { score: number; at: number } {
  const part = 800;
  const slack = 160;
  const { at } = bestMatch(piece, whole, from, to);
  let drift = 0;
  let [score, weight] = [0, 0];
  for (let start = 0; start + part <= piece.length; start += part) {
    const samples = piece.subarray(start, start + part);
    const loudness = rms(samples);
    // Silence fits anywhere and says nothing of the clock.
    if (loudness < 0.005) continue;
    const expected = at + start + drift;
    const match = bestMatch(samples, whole, expected - slack, expected + slack);
    drift += match.at - expected;
    score += match.score * loudness ** 2;
    weight += loudness ** 2;
  }
  return { score: weight > 0 ? score / weight : -1, at: at + drift };
}
