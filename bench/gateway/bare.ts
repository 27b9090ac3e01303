// The limit: node:http and an undici pool with nothing between them. It checks nothing, limits nothing and counts nothing.
import { createServer } from 'node:http'
import { Pool } from 'undici'
import { announce } from '../servers/peer_process.ts'

const pool = new Pool(process.env['BENCH_UPSTREAM'] ?? '', { connections: 64 })

const server = createServer((request, response) => {
  pool
    .stream({ path: request.url ?? '/', method: 'GET', opaque: response }, ({ statusCode, headers }) =>
      response.writeHead(statusCode, headers),
    )
    .catch(() => response.destroy())
})
server.listen(0, '127.0.0.1', () => announce(server))
