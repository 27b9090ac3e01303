// One question whether an upstream is well, on a connection of its own that ends with the answer.
import type { ConnectionOptions } from './connection.ts'
import { Connection } from './connection.ts'

/** @returns whether GET is answered with 2xx or 3xx, whole and within the time that an answer may take */
export function probe(options: ConnectionOptions, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    let status = 0
    const connection = new Connection(options, { onIdle: (one) => one.drop(), onGone: () => undefined })
    // Pieces that come now and then are no sign of life.
    const enough = setTimeout(() => tell(false), options.timeoutMs)
    const tell = (isWell: boolean): void => {
      clearTimeout(enough)
      connection.drop()
      resolve(isWell)
    }
    const end = (): void => tell(status >= 200 && status < 400)
    connection.send({
      method: 'GET',
      path,
      fields: [],
      body: undefined,
      protocol: undefined,
      onLine: () => true,
      onBodySent: () => undefined,
      onBegun: () => undefined,
      onLull: () => undefined,
      onHead: (head) => {
        status = head.status
      },
      onData: (_piece, isLast) => {
        if (isLast) end()
      },
      onEnd: end,
      onSwitch: (_head, socket) => {
        socket.destroy()
        tell(false)
      },
      onError: () => tell(false),
    })
  })
}
