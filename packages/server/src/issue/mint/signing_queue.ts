// When tokens are signed: fast signatures of one event-loop turn in one loop, where the curve's tables stay in the cache;
// RSA in the thread pool, unless it is alone and a hand-over would only cost latency.
import type { Signer } from '@countersign/protocol/jose/jws'

interface Waiting {
  readonly signer: Signer
  readonly input: string
  readonly resolve: (signature: string) => void
  readonly reject: (error: unknown) => void
}

export class SigningQueue {
  #waiting: Waiting[] = []
  #inPool = 0

  /** The base64url signature of `input`. */
  sign(signer: Signer, input: string): Promise<string> {
    return new Promise((resolve, reject) => {
      // The end of this turn: every request whose bytes arrived in it has been read by then.
      if (this.#waiting.length === 0) setImmediate(() => this.#flush())
      this.#waiting.push({ signer, input, resolve, reject })
    })
  }

  #flush(): void {
    const batch = this.#waiting
    this.#waiting = []
    const alone = batch.length === 1 && this.#inPool === 0
    for (const one of batch) {
      if (one.signer.algorithm.slow && !alone) this.#signInPool(one)
      else signHere(one)
    }
  }

  #signInPool({ signer, input, resolve, reject }: Waiting): void {
    this.#inPool++
    signer
      .signAsync(input)
      .finally(() => this.#inPool--)
      .then(resolve, reject)
  }
}

function signHere({ signer, input, resolve, reject }: Waiting): void {
  try {
    resolve(signer.sign(input))
  } catch (error) {
    reject(error)
  }
}
