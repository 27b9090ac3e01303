// Whoever asks is told yes: what nginx and node:http cost by themselves.
import { createServer } from 'node:http'
import { announce } from '../servers/peer_process.ts'

const server = createServer((_request, response) => response.writeHead(200, { 'content-length': 0 }).end())
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => announce(server))
