// express-oauth2-jwt-bearer, Auth0's guard, in strict mode on an Express route with the tokens of the demo realm wave.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AuthOptions } from 'express-oauth2-jwt-bearer'
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer'
import { accessToken } from '../harness/demo.ts'
import type { TestServer } from '../harness/server.ts'
import { startDemo } from '../harness/server.ts'
import type { GuardedExpress } from './express_server.ts'
import { startExpress } from './express_server.ts'

const AUDIENCE = 'https://api.wave.bemobi.com'

let demo: TestServer
const started: GuardedExpress[] = []
before(async () => {
  demo = await startDemo()
})
after(async () => {
  await Promise.all([...started, demo].map((one) => one.close()))
  assert.deepEqual(demo.reports, [])
})

async function guarded(options: AuthOptions): Promise<GuardedExpress> {
  const api = await startExpress([], auth({ strict: true, ...options }))
  started.push(api)
  return api
}

/** The ways its manual gives to name the issuer. */
const WAYS: readonly (readonly [string, () => AuthOptions])[] = [
  ['an issuer base URL with its slash', () => ({ issuerBaseURL: `${demo.origin}/realms/wave/` })],
  ['an issuer base URL without a slash', () => ({ issuerBaseURL: `${demo.origin}/realms/wave` })],
  [
    'issuer and jwksUri',
    () => ({
      issuer: `${demo.origin}/realms/wave/`,
      jwksUri: `${demo.origin}/realms/wave/.well-known/jwks.json`,
      tokenSigningAlg: 'RS256',
    }),
  ],
]

for (const [title, options] of WAYS) {
  test(`express-oauth2-jwt-bearer configured by ${title} opens the route to wave's token`, async () => {
    const api = await guarded({ audience: AUDIENCE, ...options() })
    const opened = await api.call(await accessToken(demo.origin, 'wave'))
    assert.deepEqual([opened.status, opened.body], [200, 'opened'])
  })
}

test('express-oauth2-jwt-bearer refuses a caller without a token, and names no error', async () => {
  const api = await guarded({ audience: AUDIENCE, issuerBaseURL: `${demo.origin}/realms/wave/` })
  const refused = await api.call()
  assert.equal(refused.status, 401)
  assert.match(refused.challenge ?? '', /^Bearer realm="api"/)
  assert.doesNotMatch(refused.challenge ?? '', /error=/)
})

test("express-oauth2-jwt-bearer refuses wave's token for another audience", async () => {
  const api = await guarded({ audience: 'https://elsewhere.example', issuerBaseURL: `${demo.origin}/realms/wave/` })
  const refused = await api.call(await accessToken(demo.origin, 'wave'))
  assert.equal(refused.status, 401)
  assert.match(refused.challenge ?? '', /error="invalid_token".*'aud'/)
})

test("express-oauth2-jwt-bearer refuses willba's token, and wave's with another signature", async () => {
  const api = await guarded({ audience: [AUDIENCE, 'https://api.willba.app'], issuerBaseURL: `${demo.origin}/realms/wave/` })
  const [wave, willba] = await Promise.all([accessToken(demo.origin, 'wave'), accessToken(demo.origin, 'willba')])
  assert.equal((await api.call(wave)).status, 200)
  for (const token of [willba, `${wave.slice(0, wave.lastIndexOf('.'))}${willba.slice(willba.lastIndexOf('.'))}`]) {
    const refused = await api.call(token)
    assert.equal(refused.status, 401)
    assert.match(refused.challenge ?? '', /error="invalid_token"/)
  }
})

test("express-oauth2-jwt-bearer asks for a scope that wave's token lacks", async () => {
  const api = await startExpress(
    [auth({ strict: true, audience: AUDIENCE, issuerBaseURL: `${demo.origin}/realms/wave/` })],
    requiredScopes('orders:write'),
  )
  started.push(api)
  const refused = await api.call(await accessToken(demo.origin, 'wave'))
  assert.equal(refused.status, 403)
  assert.match(refused.challenge ?? '', /error="insufficient_scope"/)
})
