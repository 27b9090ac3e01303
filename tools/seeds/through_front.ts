// Loaded before a page's JavaScript: every TLS connection goes to the front, whatever host it names, and what the program
// prints is printed as JSON. The program itself, the check of the certificate and the host names stay as they are.
import { subscribe } from 'node:diagnostics_channel'
import { syncBuiltinESMExports } from 'node:module'
import tls from 'node:tls'

const port = Number(process.env['SEEDS_FRONT_PORT'])
const connect = tls.connect

/** fetch hands one object of options over, with the page's host in `host` and in `servername`. */
tls.connect = (options: unknown) => connect({ ...(options as tls.ConnectionOptions), host: '127.0.0.1', port })
syncBuiltinESMExports()

let startedAt = 0
subscribe('undici:request:create', () => {
  startedAt = performance.now()
})
subscribe('undici:request:headers', (message) => {
  const { response } = message as { response: { statusCode: number } }
  process.stderr.write(`\nanswered ${response.statusCode} ${(performance.now() - startedAt) / 1000}\n`)
})

console.log = (...values: unknown[]) => {
  for (const value of values) process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value, null, 2)}\n`)
}
