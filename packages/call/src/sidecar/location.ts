// Where a redirect of the API leads, as the caller of a sidecar must read it: within the API back through the sidecar, which has the
// credentials; elsewhere unchanged, where the caller goes alone.

/**
 * @param location as the API wrote it.
 * @param at the URL that was asked for.
 * @param sidecar `http://host:port`, as the caller wrote it.
 */
export function locate(location: string, at: URL, sidecar: string): string {
  if (!URL.canParse(location, at)) return location
  const url = new URL(location, at)
  // Absolute in both cases: `//host/` in a path would otherwise be read as another host.
  return url.origin === at.origin ? sidecar + url.pathname + url.search + url.hash : url.href
}
