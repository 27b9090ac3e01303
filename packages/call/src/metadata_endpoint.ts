// Endpoints that only some grants need: configured, or a member of the provider's metadata. And their JSON answers.

import { ConfigurationError } from './errors.ts'
import type { GrantWorld } from './extensions.ts'
import { checkEndpoint } from './origin.ts'

/**
 * @param member of the metadata, `device_authorization_endpoint`.
 * @param configured the option of the same meaning, which wins.
 * @throws ConfigurationError if there is none or it is not secure; DiscoveryFailed
 */
export async function metadataEndpoint(world: GrantWorld, member: string, configured: string | undefined): Promise<URL> {
  const url = configured ?? (await world.metadata(member))
  if (typeof url !== 'string') throw new ConfigurationError(`No ${member} is known: give its URL, or an issuer whose metadata names it.`)
  return checkEndpoint(url, member)
}

/** Members of a JSON object; none if it is something else. */
export function readMembers(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}
