// When and where tokens are signed. A request alone is signed at once: a hand-over would only cost latency. Requests of one event-loop turn
// go to the thread pool, so that signing and everything else use two cores; where this process has one core, since there is no other or other
// workers have the others, fast signatures are made in one loop instead, where the curve's tables stay in the cache.
import type { Signer } from '@countersign/protocol/jose/jws'

export interface SigningQueueOptions {
  /** Whether other cores are free to sign. RSA goes to the pool all the same, since it would hold up the event loop. */
  readonly parallel: boolean
}

interface Waiting {
  readonly signer: Signer
  readonly input: string
  readonly resolve: (signature: string) => void
  readonly reject: (error: unknown) => void
}

export class SigningQueue {
  readonly #parallel: boolean
  #waiting: Waiting[] = []
  #inPool = 0

  constructor({ parallel }: SigningQueueOptions) {
    this.#parallel = parallel
  }

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
      if (!alone && (this.#parallel || one.signer.algorithm.slow)) this.#signInPool(one)
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
