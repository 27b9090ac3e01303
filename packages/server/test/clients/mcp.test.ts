// A Model Context Protocol client gets into a guarded MCP server with nothing but its URL and its credentials: the 401 names the metadata
// of the API (RFC 9728), these the issuer, its metadata (RFC 8414) the token endpoint, which takes `resource` (RFC 8707).
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { loadConfiguration } from '../../src/config/config.ts'
import type { RunningServer } from '../../src/server/compose.ts'
import { startServer } from '../../src/server/compose.ts'
import { send } from '../harness/http.ts'
import type { Upstream } from '../harness/upstream.ts'
import { startUpstream } from '../harness/upstream.ts'
import { hashed, secretOf } from '../issue/orders.ts'
import { freePort } from '../process/program.ts'
import type { Seen } from './mcp_client.ts'

let upstream: Upstream
let server: RunningServer
let origin: string
before(async () => {
  upstream = await startUpstream((request, response) => {
    const mcp = new McpServer({ name: 'tools', version: '1.0.0' })
    mcp.registerTool('whoami', { description: 'Who is calling.' }, ({ requestInfo }) => {
      const { 'x-countersign-client': client, 'x-countersign-scope': scope } = requestInfo?.headers ?? {}
      return { content: [{ type: 'text', text: `${String(client)} may ${String(scope)}` }] }
    })
    // Without a session: each request has its own.
    const transport = new StreamableHTTPServerTransport()
    response.once('close', () => void mcp.close())
    void mcp.connect(transport as Transport).then(() => transport.handleRequest(request, response))
  })
  const port = Number(await freePort())
  origin = `http://127.0.0.1:${port}`
  const input = {
    realms: [
      {
        id: 'tools',
        scopes: ['tools:call', 'tools:admin'],
        // What a client names as `resource`: the URL at which it finds the API.
        audiences: [`${origin}/apis/tools`],
        clients: [{ clientId: 'agent', secret: hashed(secretOf('agent')), scopes: ['tools:call'], defaultAudience: null }],
      },
    ],
    apis: [{ id: 'tools', realm: 'tools', upstream: upstream.origin, routes: [{ path: '/mcp', scopes: ['tools:call'] }] }],
  }
  const loaded = await loadConfiguration({ input, env: {}, flags: { port, managementPort: 0 } })
  server = await startServer(loaded.configuration, { atPorts: loaded.atPorts, notice: () => undefined, report: () => undefined })
})
after(async () => {
  await server.close()
  await upstream.close()
})

const CLIENT = fileURLToPath(new URL('mcp_client.ts', import.meta.url))

async function connect(secret: string): Promise<Seen> {
  const args = [CLIENT, `${origin}/apis/tools/mcp`, `${origin}/realms/tools`, 'agent', 'tools:call']
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env['PATH'], MCP_SECRET: secret },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 15_000,
  })
  const [said, complained] = await Promise.all([text(child.stdout), text(child.stderr)])
  assert.notEqual(said, '', complained)
  // Written by mcp_client.ts.
  return JSON.parse(said) as Seen
}

test('an MCP client finds its way in by client credentials, and calls a tool', { timeout: 20_000 }, async () => {
  const { requests, ...told } = await connect(secretOf('agent'))
  assert.deepEqual(told, { server: 'tools', tools: ['whoami'], content: [{ type: 'text', text: 'agent may tools:call' }] })
  assert.deepEqual(requests.slice(0, 5), [
    'POST /apis/tools/mcp 401',
    'GET /.well-known/oauth-protected-resource/apis/tools 200',
    'GET /.well-known/oauth-authorization-server/realms/tools 200',
    'POST /realms/tools/oauth2/token 200',
    'POST /apis/tools/mcp 200',
  ])
  assert.equal(requests.filter((one) => one.includes('/oauth2/token')).length, 1)
})

test('an MCP client with a wrong secret is told so, and reaches no tool', { timeout: 20_000 }, async () => {
  const { requests, server: reached, error = '' } = await connect('the wrong secret')
  assert.deepEqual([reached, requests.filter((one) => one.startsWith('POST /apis/') && !one.endsWith(' 401'))], [undefined, []])
  assert.match(error, /Client authentication failed/)
})

test('what an MCP client is told holds to RFC 9728: about the very URL it asked, readable from anywhere', async () => {
  const bare = await send(`${origin}/apis/tools/mcp`, { method: 'POST' })
  const [, url = ''] = /resource_metadata="([^"]+)"/.exec(bare.headers.get('www-authenticate') ?? '') ?? []
  assert.equal(url, `${origin}/.well-known/oauth-protected-resource/apis/tools`)
  const { status, headers, json } = await send(url)
  assert.deepEqual([status, headers.get('access-control-allow-origin')], [200, '*'])
  assert.deepEqual(json, {
    resource: `${origin}/apis/tools`,
    authorization_servers: [`${origin}/realms/tools`],
    scopes_supported: ['tools:call'],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: json['dpop_signing_alg_values_supported'],
    resource_name: 'tools',
  })
})
