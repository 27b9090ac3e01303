// A device authorization server that means ill: it makes nobody open what is no web page, type what is no code, or ask without a pause.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '../src/client.ts'
import type { DevicePrompt } from '../src/grants/device_code.ts'
import { deviceCode } from '../src/grants/device_code.ts'

const ORIGIN = 'https://login.example.com'
const SOUND = { device_code: 'the-device-code', user_code: 'ABCD', verification_uri: `${ORIGIN}/device`, expires_in: 5, interval: 5 }

async function signIn(told: object): Promise<{ waits: number[]; prompts: DevicePrompt[]; code: unknown; asked: number }> {
  let [clock, asked] = [0, 0]
  const [waits, prompts]: [number[], DevicePrompt[]] = [[], []]
  const fetch = async (url: string | URL | Request): Promise<Response> => {
    if (urlOf(url).endsWith('/begin')) return Response.json({ ...SOUND, ...told })
    asked += 1
    return Response.json({ error: 'authorization_pending' }, { status: 400 })
  }
  const wait = async (ms: number): Promise<void> => {
    waits.push(ms)
    clock += Math.max(ms, 1) / 1000
  }
  const prompt = (one: DevicePrompt): void => void prompts.push(one)
  const grant = deviceCode({ prompt, wait, deviceAuthorizationUrl: `${ORIGIN}/begin` })
  const client = createClient({ tokenUrl: `${ORIGIN}/token`, clientId: 'ours', grant, fetch, now: () => clock })
  const code = await client.token().then(
    () => 'token',
    (error: unknown) => (error instanceof Error && 'code' in error ? error.code : error),
  )
  return { waits, prompts, code, asked }
}

test('however short an interval is named, there is a second between two questions, and an end', async () => {
  for (const interval of [1e-9, 0, -1, 0.5, '0', null, Number.MAX_VALUE]) {
    const { waits, code, asked } = await signIn({ interval })
    assert.equal(code, 'authorization_refused', String(interval))
    assert.ok(
      waits.every((ms) => ms >= 1000 && ms <= 65_000),
      `${interval}: ${waits.join()}`,
    )
    assert.ok(asked <= 6)
  }
})

test('only a code that can be typed and a web page that can be opened are shown', async () => {
  for (const told of [
    { user_code: 'A\u001b[2J' },
    { user_code: 'A\nOpen https://evil.example' },
    { user_code: '\u202eDCBA' },
    { user_code: '' },
    { verification_uri: 'data:text/html,<script>alert(1)</script>' },
    { verification_uri: 'file:///etc/passwd' },
    { verification_uri: 'ssh://evil.example' },
    { verification_uri: `${ORIGIN}/\u0007` },
    { verification_uri_complete: 'vbscript:x' },
    { verification_uri_complete: `${ORIGIN}/\n` },
    { device_code: 5 },
  ]) {
    const { prompts, code, asked } = await signIn(told)
    assert.deepEqual([prompts, code, asked], [[], 'unreadable_answer', 0], JSON.stringify(told))
  }
})

function urlOf(url: string | URL | Request): string {
  return url instanceof Request ? url.url : url.toString()
}
