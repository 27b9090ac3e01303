// Where a dialect's endpoints are: its paths with a realm in them, on the realm's own hosts or beside other realms.
import type { Dialect, EndpointName } from './dialect.ts'

/**
 * Paths of an endpoint, canonical first: `/realms/{realm}` before them, unless the dialect's paths are absolute;
 * with `rooted` as on the realm's own hosts. `{kid}` is left in.
 */
export function endpointPaths(
  { endpoints, mount }: Pick<Dialect, 'endpoints' | 'mount'>,
  endpoint: EndpointName,
  realm: string,
  rooted: boolean,
): readonly string[] {
  const prefix = rooted || mount === 'absolute' ? '' : `/realms/${realm}`
  return (endpoints[endpoint] ?? []).map((path) => prefix + path.replaceAll('{realm}', () => realm))
}
