// Where the sidecar listens: a loopback address, or a unix socket that only its owner can reach. Nothing else can be named.
import { chmod, link, lstat, mkdir, rename, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import type { AddressInfo, ListenOptions } from 'node:net'
import { connect, isIPv4 } from 'node:net'
import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'
import { ConfigurationError } from '../errors.ts'

export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

/** `127.0.0.1:8089`, `[::1]:8089`, `localhost:8089`, `8089` or `unix:/path`. @throws ConfigurationError */
export function readListen(text: string): ListenAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length)
    // sockaddr_un has room for 104 bytes where it is smallest.
    if (path === '' || path.includes('\0') || Buffer.byteLength(resolve(path)) > 100)
      throw new ConfigurationError('--listen unix: needs the path of a socket, of 100 bytes at most.')
    return { kind: 'unix', path: resolve(path) }
  }
  const match = /^(?:(.*):)?(\d{1,5})$/.exec(text)
  const [host, port] = [match?.[1] ?? '127.0.0.1', Number(match?.[2] ?? Number.NaN)]
  const address = loopback(host)
  if (address === undefined || !(port <= 65_535))
    throw new ConfigurationError(
      '--listen takes a loopback address with a port, like 127.0.0.1:8089, or unix:/path: whoever reaches a sidecar has its credentials.',
    )
  return { kind: 'tcp', host: address, port }
}

/**
 * Opens the address.
 * @returns the address as callers write it: `http://127.0.0.1:8089` or `unix:/path`.
 * @throws ConfigurationError with the mend when it cannot be had.
 */
export async function listenAt(server: Server, address: ListenAddress): Promise<string> {
  if (address.kind === 'unix') return listenAtSocket(server, address.path)
  try {
    await listening(server, { host: address.host, port: address.port, exclusive: true })
  } catch (error) {
    throw new ConfigurationError(
      `${written(address.host)}:${address.port} cannot be opened (${codeOf(error)}): choose another with --listen.`,
    )
  }
  const { port } = server.address() as AddressInfo
  return `http://${written(address.host)}:${port}`
}

/** Every value of `Host` that means this address. */
export function hostsOf(server: Server): ReadonlySet<string> | undefined {
  const address = server.address()
  if (address === null || typeof address === 'string') return undefined
  const names = [written(address.address), 'localhost']
  return new Set(names.flatMap((name) => [`${name}:${address.port}`, ...(address.port === 80 ? [name] : [])]))
}

function loopback(host: string): string | undefined {
  if (host === 'localhost') return '127.0.0.1'
  if (host === '[::1]') return '::1'
  return isIPv4(host) && host.startsWith('127.') ? host : undefined
}

function written(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

async function listenAtSocket(server: Server, path: string): Promise<string> {
  await checkFolder(dirname(path))
  try {
    await listening(server, { path })
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE')
      throw new ConfigurationError(`The socket ${path} cannot be opened (${codeOf(error)}): choose another.`)
    await removeStale(path)
    await listening(server, { path }).catch(() => {
      throw inUse(path)
    })
  }
  // Until here the folder alone keeps others out, which is why it must be closed to them.
  await chmod(path, 0o600)
  return `unix:${path}`
}

async function checkFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => undefined)
  const found = await lstat(folder).catch(() => undefined)
  if (!found?.isDirectory()) throw new ConfigurationError(`${folder} is no folder: name a socket in a folder of your own.`)
  const { uid } = userInfo()
  if ((uid >= 0 && found.uid !== uid) || (found.mode & 0o077) !== 0)
    throw new ConfigurationError(
      `The folder ${folder} is open to others: name a socket in a folder of your own with mode 0700, which is made if it is missing.`,
    )
}

/**
 * Takes away the socket of a process that is gone. It is moved first and tried there: of two that do so at once, neither can
 * remove the socket that the other has just opened.
 */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (!found) return
  if (!found.isSocket()) throw new ConfigurationError(`${path} is there and is no socket: choose another path.`)
  if (await answers(path)) throw inUse(path)
  const aside = `${path}.${found.ino}`
  await rename(path, aside).catch(() => undefined)
  if (await answers(aside)) {
    await link(aside, path).catch(() => undefined)
    await unlink(aside).catch(() => undefined)
    throw inUse(path)
  }
  await unlink(aside).catch(() => undefined)
}

function inUse(path: string): ConfigurationError {
  return new ConfigurationError(`A process is listening at ${path} already: stop it, or choose another path.`)
}

function answers(path: string): Promise<boolean> {
  return new Promise((told) => {
    const socket = connect(path)
    const tell = (answer: boolean): void => {
      socket.destroy()
      told(answer)
    }
    socket.once('connect', () => tell(true))
    // Only a refused connection proves that nobody is there.
    socket.once('error', (error) => tell(codeOf(error) !== 'ECONNREFUSED' && codeOf(error) !== 'ENOENT'))
  })
}

function listening(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((opened, failed) => {
    server.once('error', failed)
    server.listen(options, () => {
      server.off('error', failed)
      opened()
    })
  })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
