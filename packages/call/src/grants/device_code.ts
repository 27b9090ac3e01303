// The device grant: a human says yes in a browser elsewhere, meanwhile this client asks at intervals. RFC 8628.

import { TokenRequestFailed } from '../errors.ts'
import type { GrantSource, GrantWorld } from '../extensions.ts'
import { metadataEndpoint, readMembers } from '../metadata_endpoint.ts'

export const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/** What to show to the human. */
export interface DevicePrompt {
  readonly userCode: string
  /** https, or http on this machine; to be opened by hand. */
  readonly verificationUri: string
  /** The same with the code in it, where the server has one: for a link or a QR code. */
  readonly verificationUriComplete: string | undefined
  /** Epoch seconds until which the code is good. */
  readonly expiresAt: number
}

export interface DeviceCodeOptions {
  /** Shows the code; called once for each authorization, and waited for. */
  readonly prompt: (prompt: DevicePrompt) => void | Promise<void>
  /** Default: `device_authorization_endpoint` of the issuer's metadata. */
  readonly deviceAuthorizationUrl?: string
  /** A name for whose token it is, where several humans share a cache. */
  readonly subject?: string
  /** Waits so many milliseconds; default: a timer. */
  readonly wait?: (ms: number) => Promise<void>
}

/** @throws (its requests) TokenRequestFailed `authorization_refused` if the human says no or the code runs out */
export function deviceCode({ prompt, deviceAuthorizationUrl, subject = '', wait = timer }: DeviceCodeOptions): GrantSource {
  const transactions = new WeakMap<object, Transaction>()
  return {
    name: DEVICE_CODE,
    interactive: true,
    shape: [subject],
    async parameters(world) {
      const url = await metadataEndpoint(world, 'device_authorization_endpoint', deviceAuthorizationUrl)
      const transaction = await begin(world, url)
      await prompt(transaction.prompt)
      await wait(transaction.intervalMs)
      const named = new Map([
        ['grant_type', DEVICE_CODE],
        ['device_code', transaction.deviceCode],
      ])
      transactions.set(named, transaction)
      return named
    },
    async again(refusal, named) {
      const transaction = transactions.get(named)
      if (!transaction) return false
      const { code, origin, status, serverCode, temporary } = refusal
      const pending = serverCode === 'authorization_pending'
      const no = serverCode === 'access_denied' ? 'It was refused in the browser.' : expired(transaction, refusal)
      if (no !== undefined) throw new TokenRequestFailed({ code: 'authorization_refused', origin, status, serverCode, description: no })
      if (!pending && !temporary) return false
      // Section 3.5: five seconds more for good; where the connection failed, twice as long.
      if (code === 'slow_down') transaction.intervalMs += 5000
      else if (!pending) transaction.intervalMs = Math.min(transaction.intervalMs * 2, 60_000)
      await wait(transaction.intervalMs)
      return true
    },
  }
}

interface Transaction {
  readonly prompt: DevicePrompt
  readonly deviceCode: string
  readonly now: () => number
  intervalMs: number
}

async function begin(world: GrantWorld, url: URL): Promise<Transaction> {
  const response = await world.post(url, world.asked)
  const told = readMembers(response.body)
  const [code, userCode, uri] = ['device_code', 'user_code', 'verification_uri'].map((name) => told[name])
  const complete = told['verification_uri_complete']
  const [lifetime, interval] = [told['expires_in'], told['interval']]
  if (!isText(code) || !isText(userCode) || !isWebAddress(uri) || (complete !== undefined && !isWebAddress(complete))) {
    const description = 'Its device authorization has no code, or no address that a human could be sent to.'
    throw new TokenRequestFailed({ code: 'unreadable_answer', origin: url.origin, status: response.status, description })
  }
  const seconds = typeof lifetime === 'number' && lifetime > 0 ? Math.min(lifetime, 3600) : 300
  return {
    deviceCode: code,
    prompt: { userCode, verificationUri: uri, verificationUriComplete: complete, expiresAt: Math.floor(world.now() + seconds) },
    now: world.now,
    // A second at least: the server says how often it is asked, not how much of this machine that costs.
    intervalMs: 1000 * (typeof interval === 'number' && interval > 0 ? Math.min(Math.max(interval, 1), 60) : 5),
  }
}

function expired({ now, prompt }: Transaction, { serverCode }: TokenRequestFailed): string | undefined {
  return serverCode === 'expired_token' || now() >= prompt.expiresAt ? 'Nobody answered in time: ask for a new code.' : undefined
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && /^[\x20-\x7e]{1,2048}$/.test(value)
}

/** Nothing but a web page is shown to a human as the place to go to. */
function isWebAddress(value: unknown): value is string {
  return isText(value) && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
}

function timer(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
