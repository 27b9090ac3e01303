// A program of somebody else's that calls a tool over the Model Context Protocol: `mcp_client.ts URL ISSUER CLIENT SCOPE`, its secret in
// MCP_SECRET. Prints what it saw as JSON. A process of its own: one of its packages has sources under the condition that ours resolve by.
import { ClientCredentialsProvider } from '@modelcontextprotocol/sdk/client/auth-extensions.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

export interface Seen {
  /** Method, path and status of each request, in order. */
  readonly requests: string[]
  server?: string | undefined
  tools?: readonly string[]
  content?: unknown
  error?: string
}

const [, , url = '', issuer = '', clientId = '', scope = ''] = process.argv
const seen: Seen = { requests: [] }
const watching: typeof fetch = async (target, init) => {
  const response = await fetch(target, init)
  const { pathname } = new URL(target instanceof Request ? target.url : target)
  seen.requests.push(`${init?.method ?? 'GET'} ${pathname} ${response.status}`)
  return response
}
const authProvider = new ClientCredentialsProvider({
  clientId,
  clientSecret: process.env['MCP_SECRET'] ?? '',
  scope,
  expectedIssuer: issuer,
})
const transport = new StreamableHTTPClientTransport(new URL(url), { authProvider, fetch: watching })
const client = new Client({ name: 'test', version: '1.0.0' })
try {
  await client.connect(transport)
  seen.server = client.getServerVersion()?.name
  seen.tools = (await client.listTools()).tools.map((tool) => tool.name)
  seen.content = (await client.callTool({ name: 'whoami', arguments: {} })).content
} catch (error) {
  seen.error = error instanceof Error ? error.message : String(error)
} finally {
  await client.close()
}
process.stdout.write(JSON.stringify(seen))
