// The libraries behind one shape, each set up as its adapter's documentation says.
import type { Client } from '@countersign/call'
import { axiosOptions } from '@countersign/call/adapters/axios'
import { gotOptions } from '@countersign/call/adapters/got'
import { kyOptions } from '@countersign/call/adapters/ky'
import { openapiFetchOptions } from '@countersign/call/adapters/openapi_fetch'
import { undiciInterceptor } from '@countersign/call/adapters/undici'
import axios from 'axios'
import got from 'got'
import ky from 'ky'
import createOpenapiClient from 'openapi-fetch'
import type { Dispatcher } from 'undici'
import { Agent, fetch, interceptors, request } from 'undici'

export interface Answer {
  readonly status: number
  readonly text: string
}

/** GET without a body, POST with one. `follow`: redirects are to be followed, where that is not the library's own choice. */
export type Call = (url: string, options: { readonly body?: string; readonly follow?: boolean }) => Promise<Answer>

export const LIBRARIES: readonly (readonly [name: string, use: (client: Client) => Call])[] = [
  [
    'axios',
    (client) => {
      const instance = axios.create({ ...axiosOptions(client), validateStatus: () => true, responseType: 'text' })
      return async (url, { body }) => {
        const { status, data } = await instance.request<string>({ url, ...posted(body) })
        return { status, text: data }
      }
    },
  ],
  [
    'ky',
    (client) => {
      const instance = ky.create({ ...kyOptions(client), throwHttpErrors: false, retry: 0 })
      return async (url, { body }) => answerOf(await instance(url, body === undefined ? {} : { method: 'post', body }))
    },
  ],
  [
    'got',
    (client) => {
      const instance = got.extend({ ...gotOptions(client), throwHttpErrors: false, retry: { limit: 0 } })
      return async (url, { body }) => {
        const { statusCode, body: text } = await instance(url, body === undefined ? {} : { method: 'POST', body })
        return { status: statusCode, text }
      }
    },
  ],
  [
    'openapi-fetch',
    (client) =>
      async (url, { body }) => {
        const { origin, pathname, search } = new URL(url)
        const api = createOpenapiClient<
          Record<string, Record<'get' | 'post', { responses: { 200: { content: { 'text/plain': string } } } }>>
        >({
          baseUrl: origin,
          ...openapiFetchOptions(client),
        })
        const path = pathname + search
        const options = { parseAs: 'text', body: body === undefined ? undefined : JSON.parse(body) } as never
        const { response, data, error } = await (body === undefined ? api.GET(path, options) : api.POST(path, options))
        return { status: response.status, text: String(data ?? error ?? '') }
      },
  ],
  ['undici request', (client) => by(new Agent().compose(undiciInterceptor(client), interceptors.redirect({ maxRedirections: 3 })))],
  [
    'undici fetch',
    (client) => {
      const dispatcher = new Agent({ connections: 10 }).compose(undiciInterceptor(client))
      return async (url, { body }) => answerOf(await fetch(url, { dispatcher, ...(body === undefined ? {} : { method: 'POST', body }) }))
    },
  ],
]

/** With the redirects on the wrong side: nothing is followed, and nothing leaks. */
export const REDIRECTS_INSIDE = (client: Client): Call =>
  by(new Agent().compose(interceptors.redirect({ maxRedirections: 3 }), undiciInterceptor(client)))

function by(dispatcher: Dispatcher): Call {
  return async (url, { body }) => {
    const answer = await request(url, { dispatcher, ...(body === undefined ? {} : { method: 'POST', body }) })
    return { status: answer.statusCode, text: await answer.body.text() }
  }
}

function posted(body: string | undefined): { method: string; data?: string; headers?: Record<string, string> } {
  return body === undefined ? { method: 'get' } : { method: 'post', data: body, headers: { 'content-type': 'application/json' } }
}

async function answerOf(response: { readonly status: number; readonly text: () => Promise<string> }): Promise<Answer> {
  return { status: response.status, text: await response.text() }
}
