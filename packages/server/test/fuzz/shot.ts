// One request of the fuzzer: a good one for some endpoint, with a few things about it changed. As bytes, since no client would send it.
import type { Dice } from './dice.ts'
import { awkwardJson, awkwardText, damaged } from './values.ts'
import type { Good, World } from './world.ts'

export interface Shot {
  readonly bytes: Buffer
  readonly method: string
  readonly path: string
  /** Whether its end can be seen: every such request must be answered. */
  readonly whole: boolean
}

interface Draft {
  method: string
  path: string
  headers: (readonly [string, string])[]
  parameters: (readonly [string, unknown])[] | undefined
  form: 'form' | 'json' | 'awkward'
}

const NAMES = `grant_type client_id client_secret scope audience resource username password refresh_token token token_type_hint
  subject_token subject_token_type actor_token requested_token_type client_assertion assertion client_assertion_type
  auth_string redirect_uri hash id_token_hint code __proto__`.split(/\s+/)
const FIELDS = `authorization authorisation access_token x-api-key dpop content-type content-encoding accept expect te upgrade
  connection x-forwarded-for forwarded x-forwarded-uri x-forwarded-method x-original-uri origin range x-original-method
  x-request-id traceparent last-event-id cookie user-agent x-countersign-proxy-secret host x-countersign-client-id
  x-http-method-override trailer proxy-connection keep-alive via if-none-match sec-fetch-site`.split(/\s+/)
const METHODS = ['GET', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE', 'PATCH', 'TRACE', 'CONNECT', 'PROPFIND', 'QUERY', 'get', 'M-SEARCH']
const MOST_CHANGES = 4

export function draw(world: World, dice: Dice): Shot {
  let good = dice.pick(world.goods)
  if (good.costly && dice.chance(0.95)) good = dice.pick(world.goods.filter((one) => !one.costly))
  const draft: Draft = {
    method: good.method,
    path: good.path,
    headers: Object.entries(good.headers),
    parameters: good.parameters && Object.entries(good.parameters),
    form: good.json ? 'json' : 'form',
  }
  for (let changes = dice.below(MOST_CHANGES + 1); changes > 0; changes -= 1) change(draft, world, dice)
  return shotOf(draft, new URL(world.origin).host, dice)
}

function change(draft: Draft, world: World, dice: Dice): void {
  const way = dice.below(20)
  if (way === 0) draft.method = dice.pick(METHODS)
  else if (way === 1) draft.path = pathOf(draft.path, world.goods, dice)
  else if (way === 2) draft.form = dice.pick(['form', 'json', 'awkward'])
  else if (way === 3) draft.parameters = draft.parameters === undefined ? [] : undefined
  else if (way < 12 && draft.parameters) draft.parameters = changed(draft.parameters, NAMES, world, dice)
  else draft.headers = changed(draft.headers, FIELDS, world, dice).map(([name, value]) => [name, textOf(value)])
}

function pathOf(path: string, goods: readonly Good[], dice: Dice): string {
  if (dice.chance(0.4)) return dice.pick(goods).path
  const [visible] = [encodeURI(awkwardText(dice).toWellFormed()).slice(0, 9000)]
  return dice.pick([
    damaged(path, dice),
    path + visible,
    `${path}?${visible}`,
    `${path}/${visible}`,
    `http://evil.example${path}`,
    '*',
    visible,
  ])
}

/** One pair changed, put in, taken out or doubled. */
function changed(
  pairs: readonly (readonly [string, unknown])[],
  names: readonly string[],
  world: World,
  dice: Dice,
): (readonly [string, unknown])[] {
  const at = dice.below(pairs.length)
  const value = (old: unknown): unknown => {
    const way = dice.below(4)
    if (way === 0) return dice.pick(world.values)
    if (way === 1) return damaged(textOf(old), dice)
    return way === 2 ? awkwardText(dice) : awkwardJson(dice)
  }
  const old = pairs[at]
  const way = old === undefined ? 0 : dice.below(4)
  if (old === undefined || way === 0) return [...pairs, [dice.pick(names), value('')]]
  if (way === 1) return pairs.filter((_, index) => index !== at)
  if (way === 2) return [...pairs, [old[0], dice.chance(0.5) ? old[1] : value(old[1])]]
  return pairs.map((pair, index) => (index === at ? [pair[0], value(pair[1])] : pair))
}

const TYPES = { form: 'application/x-www-form-urlencoded', json: 'application/json' }

function shotOf(draft: Draft, host: string, dice: Dice): Shot {
  const body = draft.parameters === undefined ? undefined : bodyOf(draft.parameters, draft.form, dice)
  const type = draft.form === 'awkward' ? dice.pick([TYPES.form, TYPES.json, 'text/plain', awkwardText(dice)]) : TYPES[draft.form]
  const own = draft.headers.map(([name]) => name)
  const fields = [
    ...(own.includes('host') ? [] : [['host', host] as const]),
    ...draft.headers,
    ...(body === undefined || own.includes('content-type') ? [] : [['content-type', type] as const]),
    ['connection', 'close'] as const,
    ...(body === undefined ? [] : [['content-length', String(body.length)] as const]),
  ]
  const lines = [`${draft.method} ${ascii(draft.path)} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${line(value, dice)}`)]
  const bytes = Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body ?? Buffer.alloc(0)])
  const isNoise = dice.chance(0.02)
  // Where it may become another protocol, its end is not for us to see.
  const mayChange = own.includes('upgrade') || own.includes('expect') || own.includes('connection') || draft.method === 'CONNECT'
  return { bytes: isNoise ? noise(bytes, dice) : bytes, method: draft.method, path: draft.path, whole: !(isNoise || mayChange) }
}

function bodyOf(parameters: readonly (readonly [string, unknown])[], form: Draft['form'], dice: Dice): Buffer {
  if (form === 'json') {
    // Two of one name cannot be had of an object.
    const members = parameters.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
    const json = `{${members.join(',')}}`
    return Buffer.from(dice.chance(0.05) ? damaged(json, dice) : json)
  }
  const text = parameters.map(([name, value]) => `${encoded(name)}=${encoded(textOf(value))}`).join('&')
  if (form === 'form') return Buffer.from(text)
  const awkward = dice.pick([text, awkwardText(dice), JSON.stringify(awkwardJson(dice)), '['.repeat(20_000), damaged(text, dice)])
  return Buffer.from(awkward, dice.pick(['utf8', 'latin1', 'utf16le']))
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
const encoded = (text: string): string => encodeURIComponent(text.toWellFormed())

/** A path that a parser of HTTP lets through, most of the time. */
const ascii = (path: string): string => path.replaceAll(/[\0- \x7f-\uffff]/g, (unit) => encodeURIComponent(unit.toWellFormed()))

/** A value without what would end the field, most of the time: what Node's own parser refuses needs no more tries. */
function line(value: string, dice: Dice): string {
  return dice.chance(0.02) ? value : value.replaceAll(/[\0-\x08\x0a-\x1f\x7f]/g, '').slice(0, 12_000)
}

function noise(bytes: Buffer, dice: Dice): Buffer {
  const changed = Buffer.from(bytes)
  for (let flips = 1 + dice.below(4); flips > 0; flips -= 1) changed[dice.below(changed.length)] = dice.below(256)
  return dice.chance(0.3) ? changed.subarray(0, dice.below(changed.length)) : changed
}
