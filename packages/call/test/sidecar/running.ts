// A sidecar between a fake provider and a fake API, and raw sockets to it, for the tests of the sidecar.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import type { ListenAddress } from '@countersign/call/sidecar/listen'
import type { Sidecar, SidecarOptions } from '@countersign/call/sidecar/sidecar'
import { startSidecar } from '@countersign/call/sidecar/sidecar'
import type { FakeApi, FakeProvider } from '../fake_provider.ts'
import { startApi, startProvider } from '../fake_provider.ts'

export interface Running {
  readonly provider: FakeProvider
  readonly api: FakeApi
  readonly sidecar: Sidecar
  /** `127.0.0.1:port` */
  readonly host: string
}

export const ANY_PORT: ListenAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 }

export async function startBetween(
  t: TestContext,
  { client = {}, ...changes }: Partial<Omit<SidecarOptions, 'client'>> & { client?: Partial<SidecarOptions['client']> } = {},
): Promise<Running> {
  const [provider, api] = [await startProvider(t), await startApi(t)]
  const credentials = { tokenUrl: provider.tokenUrl, clientId: 'ours', clientSecret: 'our-secret' }
  const sidecar = await startSidecar({
    client: { ...credentials, fetch: globalThis.fetch, now: () => Date.now() / 1000, ...client },
    to: api.origin,
    listen: ANY_PORT,
    ...changes,
  })
  t.after(() => sidecar.close(0))
  return { provider, api, sidecar, host: sidecar.address.replace('http://', '') }
}

/** Sends bytes as they are, and gives all that comes until the other side hangs up. Bytes that keep the connection open need `Connection: close`. */
export async function say(place: string, bytes: string): Promise<string> {
  const [host = '', port = ''] = place.split(':')
  const socket = connect(Number(port), host)
  let said = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    said += text
  })
  // A refusal may reset the connection before all is sent.
  socket.on('error', () => undefined)
  socket.write(bytes, 'latin1')
  await once(socket, 'close')
  return said
}

/** The status of the first answer; 0 if there was none. */
export function statusOf(said: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(said)?.[1] ?? 0)
}
