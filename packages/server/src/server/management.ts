// The management listener: health and metrics. Nothing of it is on the public one.
import type { Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'

export interface ManagementOptions {
  /** Rejects with a sentence for the operator while the process cannot do its work. */
  readonly ready: () => Promise<void>
  /** Prometheus text. */
  readonly metrics: () => string
}

export function createManagement({ ready, metrics }: ManagementOptions): Server {
  return createServer((request, response) => {
    const path = request.url?.split('?', 1)[0]
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'text/plain', 'This listener takes GET.\n')
    if (path === '/health/live') return answer(response, 200, 'application/json', '{"status":"ok"}')
    if (path === '/health/ready') return void answerReady(response, ready)
    if (path === '/metrics') return answer(response, 200, 'text/plain; version=0.0.4', metrics())
    return answer(response, 404, 'text/plain', 'Here are /health/live, /health/ready and /metrics.\n')
  })
}

async function answerReady(response: ServerResponse, ready: () => Promise<void>): Promise<void> {
  try {
    await ready()
    answer(response, 200, 'application/json', '{"status":"ok"}')
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown'
    answer(response, 503, 'application/json', JSON.stringify({ status: 'unavailable', reason }))
  }
}

function answer(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), 'cache-control': 'no-store' }).end(body)
}
