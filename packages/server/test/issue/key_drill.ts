// One realm seen from outside while its keys rotate: it mints, and checks every token that lives by the server, by a guarded API, and by
// a verifier elsewhere that fetches the JWK Set as seldom as it may.
import assert from 'node:assert/strict'
import type { JSONWebKeySet } from 'jose'
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { basic, postForm, send } from '../harness/http.ts'

export interface DrillRealm {
  readonly id: string
  /** Seconds. */
  readonly every: number
  readonly publishAhead: number
}

interface Held {
  readonly text: string
  readonly kid: string
  /** Epoch seconds. */
  readonly exp: number
}

export class Drill {
  readonly realm: DrillRealm
  readonly published = new Map<string, number>()
  readonly signed = new Map<string, number>()
  /** How many keys the JWK Set ever had at once. */
  most = 0
  verified = 0
  readonly #at: string
  readonly #api: string
  readonly #client: { readonly clientId: string; readonly secret: string }
  #tokens: Held[] = []
  #cached = createLocalJWKSet({ keys: [] })
  #cachedAt = Number.NEGATIVE_INFINITY

  constructor(origin: string, realm: DrillRealm, client: { readonly clientId: string; readonly secret: string }) {
    this.realm = realm
    this.#at = `${origin}/realms/${realm.id}`
    this.#api = `${origin}/apis/${realm.id}/anything`
    this.#client = client
  }

  /** The verifier elsewhere: fetches the keys a minute before they are as old as the new ones are told ahead. */
  async refetch(now: number): Promise<void> {
    if (now - this.#cachedAt < this.realm.publishAhead - 60) return
    this.#cached = createLocalJWKSet(await this.jwks(now))
    this.#cachedAt = now
  }

  async jwks(now: number): Promise<JSONWebKeySet> {
    const { status, json } = await send(`${this.#at}/.well-known/jwks.json`)
    assert.equal(status, 200)
    const set = json as unknown as JSONWebKeySet
    this.most = Math.max(this.most, set.keys.length)
    for (const { kid = '' } of set.keys) if (!this.published.has(kid)) this.published.set(kid, now)
    return set
  }

  async mint(now: number): Promise<void> {
    const { status, json, text } = await postForm(`${this.#at}/oauth2/token`, { grant_type: 'client_credentials' }, this.#credentials())
    assert.equal(status, 200, text)
    const token = String(json['access_token'])
    const { kid = '' } = decodeProtectedHeader(token)
    if (!this.signed.has(kid)) this.signed.set(kid, now)
    this.#tokens.push({ text: token, kid, exp: decodeJwt(token).exp ?? 0 })
  }

  /** Every token that lives. What could let one down is its key, so of each key one is shown to each verifier: the oldest, and the newest. */
  async verify(now: number): Promise<void> {
    this.#tokens = this.#tokens.filter((one) => now < one.exp)
    for (const ofKey of Map.groupBy(this.#tokens, (one) => one.kid).values()) {
      for (const held of ofKey.slice(0, 1)) await this.#introspect(held, now)
      for (const held of ofKey.slice(-1)) await this.#verifyElsewhere(held, now)
    }
    for (const { text } of this.#tokens.slice(0, 1))
      assert.equal((await send(this.#api, { headers: { authorization: `Bearer ${text}` } })).status, 200, 'guarded API')
  }

  async #introspect({ text, kid }: Held, now: number): Promise<void> {
    const { json } = await postForm(`${this.#at}/oauth2/introspect`, { token: text }, this.#credentials())
    assert.equal(json['active'], true, `${kid} of ${this.realm.id}, introspected on day ${now / 86_400}`)
    this.verified++
  }

  async #verifyElsewhere({ text, kid }: Held, now: number): Promise<void> {
    await jwtVerify(text, this.#cached, { currentDate: new Date(now * 1000) }).catch((error: unknown) => {
      assert.fail(`${kid} of ${this.realm.id}, verified elsewhere on day ${now / 86_400}: ${String(error)}`)
    })
    this.verified++
  }

  #credentials(): Record<string, string> {
    return basic(this.#client.clientId, this.#client.secret)
  }
}
