// Clocks and randomness of the program that a cache runs in, as any JavaScript has them: the defaults of the caches, named here only.

export interface Surroundings {
  /** Epoch seconds. */
  readonly now: () => number
  /** Milliseconds that never go back. */
  readonly monotonic: () => number
  /** From 0 to below 1; it only spreads waiting. */
  readonly random: () => number
  /** For nonces: unguessable. */
  readonly nonceBytes: (count: number) => Uint8Array<ArrayBuffer>
}

export const SURROUNDINGS: Surroundings = {
  now: () => Date.now() / 1000,
  monotonic: () => performance.now(),
  random: () => Math.random(),
  nonceBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
}
