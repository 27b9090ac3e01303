// A real Express 5 application on a free port, guarded by somebody else's middleware.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { RequestHandler } from 'express'
import express from 'express'

export interface GuardedExpress {
  /** The answer's status, body and challenge for a bearer token; without one nothing is presented. */
  call(token?: string): Promise<{ readonly status: number; readonly body: string; readonly challenge: string | null }>
  close(): Promise<void>
}

/** Answers `GET /orders` with `opened` to whoever passes the middleware, given for the whole application and for the route. */
export async function startExpress(forAll: readonly RequestHandler[], forRoute: RequestHandler): Promise<GuardedExpress> {
  const app = express()
  // Express prints refusals that come as errors unless it is told that this is a test.
  app.set('env', 'test')
  for (const handler of forAll) app.use(handler)
  app.get('/orders', forRoute, (_request, response) => void response.send('opened'))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/orders`
  return {
    async call(token) {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const response = await fetch(url, { headers, redirect: 'manual' })
      return { status: response.status, body: await response.text(), challenge: response.headers.get('www-authenticate') }
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
