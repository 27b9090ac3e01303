// The provider that `callsign login` is to log in to: from a preset's name, a URL on or near the issuer, or what was given already.
import { isDeepStrictEqual } from 'node:util'
import { parseBody } from '@countersign/protocol/dialect/codec/token_response'
import type { DialectDocument } from '@countersign/protocol/dialect/dialect'
import { BUILTIN_DIALECTS, resolveDialect } from '@countersign/protocol/dialect/resolve'
import { isPlainObject } from '@countersign/protocol/dialect/shape'
import { DiscoveryFailed } from '../errors.ts'
import { readEndpoint } from '../origin.ts'
import type { Transport } from '../provider_exchange.ts'
import { exchange } from '../provider_exchange.ts'
import { describeRealm } from '../realm_document.ts'
import type { World } from './command.ts'
import { CommandFailed, UsageError } from './command.ts'
import { PRESET_NAMES } from './connection_client.ts'
import { nearIssuers } from './doctor/discovery.ts'
import type { Profile } from './profile.ts'
import { ask, isTerminal } from './terminal.ts'

/** @throws UsageError, CommandFailed, DiscoveryFailed */
export async function findProvider(place: string | undefined, given: Profile, world: World): Promise<Profile> {
  const known = given.preset ?? given.issuer ?? given.tokenUrl
  if (place === undefined && known !== undefined) return given
  if (place !== undefined && known !== undefined && known !== place) {
    throw new UsageError(
      'The provider is named twice: leave out PLACE, or --preset, --issuer, --token-url or the profile that names another.',
    )
  }
  const wanted = place ?? (await askPlace(world))
  if (PRESET_NAMES.includes(wanted)) return { ...given, preset: wanted }
  if (!readEndpoint(wanted)) {
    throw new UsageError(`A place to log in to is one of ${PRESET_NAMES.join(', ')}, or an https URL (http on a loopback host).`)
  }
  return { ...(await realmNear(wanted, world)), ...given }
}

/** A name for a profile that was given none. */
export function profileName({ preset, issuer, tokenUrl }: Profile): string {
  if (preset !== undefined) return preset
  const url = new URL(issuer ?? tokenUrl ?? 'https://profile')
  const realm = /\/realms\/([A-Za-z0-9._-]{1,40})\/?$/.exec(url.pathname)?.[1]
  return (
    (realm ?? url.hostname)
      .replaceAll(/[^A-Za-z0-9._-]/g, '')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64) || 'default'
  )
}

const TIMEOUT_MS = 10_000

async function askPlace(world: World): Promise<string> {
  if (!isTerminal(world))
    throw new UsageError(`Say where to log in to: callsign login PLACE, one of ${PRESET_NAMES.join(', ')} or an issuer's URL.`)
  return ask(`Provider (${PRESET_NAMES.join(', ')}, or its issuer's URL)`, world)
}

async function realmNear(place: string, { fetch, now, stderr }: World): Promise<Profile> {
  try {
    return await describe(place, { fetch, now })
  } catch (error) {
    if (!(error instanceof DiscoveryFailed) || error.code === 'unreachable') throw error
  }
  const near = await nearIssuers(place, { fetch, now, timeoutMs: TIMEOUT_MS })
  // A document may name any issuer: another host is another provider, which has to be named by whoever trusts it.
  const own = near.find((issuer) => new URL(issuer).origin === new URL(place).origin)
  if (own !== undefined) {
    stderr.write(`The provider writes its issuer as ${own}, so that is what is kept.\n`)
    return describe(own, { fetch, now })
  }
  if (near[0] !== undefined)
    throw new CommandFailed(`What is found at this place is of another host: if you mean it, callsign login ${near[0]}`)
  throw new CommandFailed('Neither at this place nor near it is any provider metadata: ask for the issuer, or give --token-url URL.')
}

/** What a realm tells of itself, as a profile keeps it. */
async function describe(place: string, { fetch, now }: Pick<World, 'fetch' | 'now'>): Promise<Profile> {
  const { issuer, tokenUrl, revocationUrl, usageUrl, dialect } = await describeRealm(place, { fetch, timeoutMs: TIMEOUT_MS })
  return {
    ...(issuer === undefined ? {} : { issuer }),
    ...(tokenUrl === undefined ? {} : { tokenUrl }),
    ...(revocationUrl === undefined ? {} : { revocationUrl }),
    ...(usageUrl === undefined ? {} : { usageUrl }),
    ...(dialect === undefined ? {} : { dialect: await dialectOf(place, { fetch, now, timeoutMs: TIMEOUT_MS }) }),
  }
}

/** The document itself, which the description has only in its compiled form; by its name where it is a built-in one. */
async function dialectOf(place: string, transport: Transport): Promise<string | DialectDocument> {
  const wire = { method: 'GET', path: '', headers: { accept: 'application/json' }, body: '' }
  const { body } = await exchange(new URL(`${place.replace(/\/$/, '')}/guard`), wire, transport)
  const told = parseBody(body)
  const dialects: unknown = isPlainObject(told) ? told['dialects'] : undefined
  const document = resolveDialect((Array.isArray(dialects) ? dialects[0] : undefined) as DialectDocument)
  const builtin = BUILTIN_DIALECTS.get(document.name)
  return builtin && isDeepStrictEqual(resolveDialect(document.name), document) ? document.name : document
}
