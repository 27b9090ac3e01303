// The listener that a sign-in in the browser comes back to: one answer, on this machine only. RFC 8252 sections 7.3 and 8.3.
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CommandFailed, UsageError } from './command.ts'

export interface Loopback {
  /** What is registered at the provider, apart from the port. */
  readonly redirectUri: string
  /** The whole URL that the browser was sent back to with this state. @throws CommandFailed when nobody comes in time */
  readonly arrival: (state: string) => Promise<URL>
  readonly close: () => void
}

const DEFAULT_URI = 'http://127.0.0.1/callback'
const HOSTS: Readonly<Record<string, string>> = { '127.0.0.1': '127.0.0.1', '[::1]': '::1', localhost: '127.0.0.1' }
const TIMEOUT_MS = 300_000

/**
 * @param registered a loopback URI; without a port, any free one (RFC 8252 section 7.3: the provider does not compare it).
 * @throws UsageError; CommandFailed if the port is taken
 */
export async function listenLoopback(registered = DEFAULT_URI, timeoutMs = TIMEOUT_MS): Promise<Loopback> {
  const wanted = URL.canParse(registered) ? new URL(registered) : undefined
  const host = HOSTS[wanted?.hostname ?? '']
  if (wanted?.protocol !== 'http:' || host === undefined || wanted.search !== '' || wanted.hash !== '') {
    throw new UsageError('--redirect-uri must be an http URI of this machine, like http://127.0.0.1/callback.')
  }
  const port = Number(wanted.port)
  let arrive: ((url: URL) => boolean) | undefined
  const server = createServer({ maxHeaderSize: 16_384, requestTimeout: 10_000 }, (request, response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8').setHeader('cache-control', 'no-store').setHeader('connection', 'close')
    const url = meantUrl(request, redirectUri)
    if (url && arrive?.(url)) response.end('callsign has what it needs: this window can be closed.\n')
    else response.writeHead(404).end('There is nothing here.\n')
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(new CommandFailed(`Port ${port} of this machine is taken: free it, or name another with --redirect-uri.`)),
    )
    server.listen(port, host, resolve)
  })
  // A TCP server's address is never a text.
  wanted.port = String((server.address() as AddressInfo).port)
  const redirectUri = wanted.href
  let timer: NodeJS.Timeout | undefined
  return {
    redirectUri,
    arrival: (state) =>
      new Promise((resolve, reject) => {
        timer = setTimeout(() => reject(new CommandFailed('Nobody signed in within five minutes: run callsign login again.')), timeoutMs)
        arrive = (url) => {
          if (url.searchParams.get('state') !== state) return false
          resolve(url)
          return true
        }
      }),
    close() {
      clearTimeout(timer)
      server.close()
      // The answer has left with the arrival. What a browser has only begun to ask would keep the program alive for ever.
      server.closeAllConnections()
    },
  }
}

/** The browser names the host it believes to speak to: a page of another name that resolves to here is none of ours. */
function meantUrl({ method, url = '', headers }: IncomingMessage, redirectUri: string): URL | undefined {
  const meant = new URL(redirectUri)
  if (method !== 'GET' || headers.host !== meant.host || !url.startsWith('/') || !URL.canParse(url, meant.origin)) return undefined
  const came = new URL(url, meant.origin)
  return came.origin === meant.origin && came.pathname === meant.pathname ? came : undefined
}
