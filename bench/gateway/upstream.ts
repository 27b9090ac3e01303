// The API behind every gateway: bare node:http, a small JSON answer.
import { createServer } from 'node:http'
import { announce } from '../servers/peer_process.ts'

const BODY = JSON.stringify({ orders: [{ id: 17, state: 'open', lines: 3 }], next: null })

const server = createServer((request, response) => {
  request.resume()
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(BODY) }).end(BODY)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => announce(server))
