// Preloaded into the programs that documents show, so that they run unchanged: `fetch` finds the demo of the test where the
// documents say it is, and behind Willba's own host names.

const { DOCS_PUBLIC: publicOrigin = '', DOCS_MANAGEMENT: managementOrigin = '' } = process.env
const PLACES: readonly (readonly [string, string])[] = [
  ['http://127.0.0.1:8080', publicOrigin],
  ['http://127.0.0.1:8081', managementOrigin],
  ['https://auth.willba.app', publicOrigin],
  ['https://api.willba.app', `${publicOrigin}/apis/willba`],
]

const original = globalThis.fetch
globalThis.fetch = (input, init) => {
  const request = new Request(input, init)
  for (const [told, real] of PLACES) {
    if (request.url.startsWith(`${told}/`)) return original(new Request(real + request.url.slice(told.length), request))
  }
  return original(request)
}
