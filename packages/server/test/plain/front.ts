// The public listener alone, with a handler of the test's own behind it.
import type { Incoming, Outgoing } from '../../src/gateway/messages.ts'
import { uploadOf } from '../../src/gateway/messages.ts'
import { createClientAddress } from '../../src/server/client_address.ts'
import { createPublicListener, drain } from '../../src/server/public_listener.ts'
import { listening } from '../gateway/gate.ts'
import type { Upstream } from '../harness/upstream.ts'

export interface Front extends Upstream {
  /** Method and target of each request, and who read it. */
  readonly seen: readonly string[]
  readonly drain: () => Promise<void>
}

export async function startFront(handle: (request: Incoming, response: Outgoing) => void): Promise<Front> {
  const seen: string[] = []
  const { callerOf } = createClientAddress([])
  const server = createPublicListener({
    mountTable: () => ({ find: () => undefined }),
    gateway(request, response) {
      seen.push(`${request.method} ${request.url} ${uploadOf(request) ? 'node:http' : 'plain'}`)
      handle(request, response)
      return true
    },
    callerOf,
    report: () => undefined,
  })
  return { ...(await listening(server)), seen, drain: () => drain(server, () => undefined, 2000) }
}
